import DOMPurify from 'dompurify';
import { marked } from 'marked';

/** HTML of Markdown that may be anybody's: no scripts, no forms, no pictures from elsewhere, and links that tell nobody. */
export function render(text: string): string {
  const html = marked.parse(text, { async: false, gfm: true });
  DOMPurify.removeAllHooks();
  DOMPurify.addHook('afterSanitizeAttributes', (node) => {
    if (node.tagName === 'A') {
      node.setAttribute('rel', 'noopener noreferrer nofollow');
      node.setAttribute('target', '_blank');
    }
    // Headings of a text are below those of the page.
    if (node.tagName === 'PRE') node.setAttribute('tabindex', '0');
  });
  return DOMPurify.sanitize(html, {
    ALLOWED_TAGS: [
      'a', 'b', 'blockquote', 'br', 'code', 'del', 'em', 'h1', 'h2', 'h3', 'h4', 'h5', 'h6', 'hr', 'i', 'kbd', 'li', 'ol', 'p',
      'pre', 's', 'strong', 'sub', 'sup', 'table', 'tbody', 'td', 'th', 'thead', 'tr', 'ul',
    ],
    ALLOWED_ATTR: ['href', 'title', 'align'],
    ALLOWED_URI_REGEXP: /^(?:https?:|mailto:|#)/i,
  });
}
