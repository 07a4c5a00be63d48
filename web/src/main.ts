import { mount } from 'svelte';
import App from './App.svelte';
import { Problem } from './lib/api';
import { toast } from './lib/toast.svelte';
import './app.css';

const target = document.getElementById('app');
if (!target) throw new Error('the page has no place for the app');
// Nothing that the registry refuses fails in silence, also where nobody has thought of it.
addEventListener('unhandledrejection', (event) => {
  if (!(event.reason instanceof Problem)) return;
  event.preventDefault();
  toast(event.reason.message, { isError: true });
});
mount(App, { target });
