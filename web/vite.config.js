import { svelte } from '@sveltejs/vite-plugin-svelte';
import { defineConfig } from 'vite';

// No hash of time or machine gets into the files: the same sources build the same bytes, which a test compares.
export default defineConfig({
  base: '/ui/',
  plugins: [svelte({ compilerOptions: { dev: false } })],
  build: {
    target: 'es2022',
    assetsInlineLimit: 0, // `data:` URLs would need a wider content security policy
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
    chunkSizeWarningLimit: 400,
  },
  server: { proxy: { '/api': 'http://127.0.0.1:5000' } },
});
