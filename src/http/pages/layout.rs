//! What every page looks like.

use std::sync::OnceLock;

use axum::body::Body;
use axum::response::Response;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::header::{self, HeaderValue};
use http::{HeaderName, StatusCode};
use sha2::{Digest as _, Sha256};

const STYLE: &str = "\
:root{color-scheme:light dark;--ink:#1b1f24;--paper:#f6f7f9;--card:#fff;--line:#c9ced6;--act:#0b57a4;--on-act:#fff;--bad:#a11212}\
@media (prefers-color-scheme:dark){:root{--ink:#e6e9ee;--paper:#14171b;--card:#1d2127;--line:#434b56;--act:#7db7f5;--on-act:#0d1116;--bad:#ff9d94}}\
*{box-sizing:border-box}body{margin:0;min-height:100vh;display:grid;place-items:center;padding:1rem;background:var(--paper);color:var(--ink);font:1rem/1.5 system-ui,sans-serif}\
main{width:100%;max-width:26rem;background:var(--card);border:1px solid var(--line);border-radius:.5rem;padding:1.5rem}\
h1{font-size:1.375rem;line-height:1.25;margin:0 0 1rem}p{margin:0 0 1rem}label{display:block;font-weight:600;margin:0 0 .25rem}\
input{width:100%;font:inherit;color:inherit;background:var(--paper);border:1px solid var(--line);border-radius:.25rem;padding:.5rem .75rem;margin:0 0 1rem}\
.code{text-transform:uppercase;letter-spacing:.15em;font-family:ui-monospace,monospace}\
button,.button{display:block;width:100%;font:inherit;font-weight:600;text-align:center;text-decoration:none;border:1px solid var(--act);border-radius:.25rem;padding:.5rem .75rem;margin:0 0 .75rem;cursor:pointer;background:var(--act);color:var(--on-act)}\
.quiet{background:transparent;color:var(--act)}:focus-visible{outline:3px solid var(--act);outline-offset:2px}\
dl{display:grid;grid-template-columns:auto 1fr;gap:.25rem 1rem;margin:0 0 1rem}dt{font-weight:600}dd{margin:0;overflow-wrap:anywhere}\
hr{border:0;border-top:1px solid var(--line);margin:1.25rem 0}.bad{color:var(--bad);font-weight:600}";

/// The policy: this style, forms to this host, nothing else.
fn policy() -> &'static str {
    static POLICY: OnceLock<String> = OnceLock::new();
    POLICY.get_or_init(|| {
        let style = STANDARD.encode(Sha256::digest(STYLE));
        format!(
            "default-src 'none'; style-src 'sha256-{style}'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
        )
    })
}

/// Text as it stands in HTML, also between quotes.
pub(super) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            other => escaped.push(other),
        }
    }
    escaped
}

/// A field that is not shown.
pub(super) fn hidden(name: &str, value: &str) -> String {
    format!("<input type=\"hidden\" name=\"{name}\" value=\"{}\">", escape(value))
}

/// A page. `content` is HTML.
pub(super) fn page(status: StatusCode, title: &str, content: &str) -> Response {
    let title = escape(title);
    let html = format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <title>{title} · Berth</title>\n<style>{STYLE}</style>\n</head>\n<body>\n<main>\n<h1>{title}</h1>\n{content}\n</main>\n</body>\n</html>\n"
    );
    let mut response = Response::new(Body::from(html));
    *response.status_mut() = status;
    let headers = [
        (header::CONTENT_TYPE, "text/html; charset=utf-8"),
        (header::CACHE_CONTROL, "no-store"),
        (header::CONTENT_SECURITY_POLICY, policy()),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "same-origin"),
        (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    ];
    for (name, value) in headers {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}

/// A page that says what went wrong.
pub(in crate::http) fn failure(status: StatusCode, message: &str) -> Response {
    let message = escape(message);
    let content = format!(
        "<p class=\"bad\" role=\"alert\">{message}</p>\n<p><a class=\"button quiet\" href=\"/login\">Back to the sign-in</a></p>"
    );
    page(status, "That did not work", &content)
}

#[cfg(test)]
mod tests {
    #[test]
    fn nothing_escapes_from_text() {
        assert_eq!(super::escape("<a b='\"&\">"), "&lt;a b=&#39;&quot;&amp;&quot;&gt;");
        assert_eq!(
            super::hidden("x", "\"><b>"),
            "<input type=\"hidden\" name=\"x\" value=\"&quot;&gt;&lt;b&gt;\">"
        );
    }
}
