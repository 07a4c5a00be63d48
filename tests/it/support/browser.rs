//! Somebody at a browser: cookies, links, forms.

use std::collections::BTreeMap;

use reqwest::Method;

use super::Answer;

/// A browser without scripts.
pub(crate) struct Browser {
    http: reqwest::Client,
    /// By host and port, as a browser with a tab for each.
    cookies: BTreeMap<String, BTreeMap<String, String>>,
}

/// A form of a page.
#[derive(Clone, Debug)]
pub(crate) struct Form {
    pub(crate) action: String,
    pub(crate) fields: BTreeMap<String, String>,
}

/// A page that a browser shows.
#[derive(Debug)]
pub(crate) struct Page {
    pub(crate) url: reqwest::Url,
    pub(crate) answer: Answer,
}

fn attribute(tag: &str, name: &str) -> Option<String> {
    let rest = &tag[tag.find(&format!("{name}=\""))? + name.len() + 2..];
    let value = &rest[..rest.find('"')?];
    Some(
        value
            .replace("&quot;", "\"")
            .replace("&#39;", "'")
            .replace("&lt;", "<")
            .replace("&gt;", ">")
            .replace("&amp;", "&"),
    )
}

impl Page {
    pub(crate) fn text(&self) -> String {
        self.answer.text()
    }

    /// Fails the test unless the page has this status.
    #[track_caller]
    pub(crate) fn status(self, code: u16) -> Self {
        assert_eq!(self.answer.code, code, "{}: {}", self.url, self.answer.text());
        self
    }

    /// Fails the test unless the page says this.
    #[track_caller]
    pub(crate) fn says(self, text: &str) -> Self {
        assert!(self.text().contains(text), "{} does not say {text:?}: {}", self.url, self.text());
        self
    }

    /// The first form, with what it holds.
    #[track_caller]
    pub(crate) fn form(&self) -> Form {
        let html = self.text();
        let start = html.find("<form").unwrap_or_else(|| panic!("no form in {html}"));
        let form = &html[start..start + html[start..].find("</form>").unwrap()];
        let mut fields = BTreeMap::new();
        for input in form.split("<input").skip(1) {
            let tag = &input[..input.find('>').unwrap()];
            if let Some(name) = attribute(tag, "name") {
                fields.insert(name, attribute(tag, "value").unwrap_or_default());
            }
        }
        Form { action: attribute(form, "action").unwrap_or_default(), fields }
    }

    /// Where the first link with this text leads.
    #[track_caller]
    pub(crate) fn link(&self, text: &str) -> String {
        let html = self.text();
        let end = html
            .find(&format!(">{text}</a>"))
            .unwrap_or_else(|| panic!("no link {text} in {html}"));
        attribute(&html[html[..end].rfind("<a").unwrap()..end], "href").unwrap()
    }
}

impl Form {
    pub(crate) fn with(mut self, name: &str, value: &str) -> Self {
        self.fields.insert(name.to_owned(), value.to_owned());
        self
    }
}

impl Browser {
    pub(crate) fn new() -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let http = reqwest::Client::builder()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .unwrap();
        Self { http, cookies: BTreeMap::new() }
    }

    /// The cookies that it has of a server.
    pub(crate) fn cookies(&mut self, url: &str) -> &mut BTreeMap<String, String> {
        self.cookies.entry(host(&url.parse().unwrap())).or_default()
    }

    /// One request, and its cookies; redirects are not followed.
    pub(crate) async fn ask(&mut self, method: Method, url: &str, body: Option<String>) -> Page {
        let url: reqwest::Url = url.parse().unwrap();
        let mut request = self.http.request(method, url.clone());
        let jar = self.cookies.entry(host(&url)).or_default();
        if !jar.is_empty() {
            let pairs: Vec<_> = jar.iter().map(|(name, value)| format!("{name}={value}")).collect();
            request = request.header("cookie", pairs.join("; "));
        }
        if let Some(body) = body {
            request = request
                .header("content-type", "application/x-www-form-urlencoded")
                .header("sec-fetch-site", "same-origin")
                .body(body);
        }
        let answer = Answer::read(request.send().await.unwrap()).await;
        for line in answer.headers.get_all("set-cookie") {
            let (name, rest) = line.to_str().unwrap().split_once('=').unwrap();
            let value = rest.split(';').next().unwrap();
            let lower = rest.to_ascii_lowercase();
            if value.is_empty()
                || lower.contains("max-age=0")
                || lower.contains("expires=thu, 01 jan 1970")
            {
                jar.remove(name);
            } else {
                jar.insert(name.to_owned(), value.to_owned());
            }
        }
        Page { url, answer }
    }

    /// Goes where a page leads, and on until nothing redirects any more.
    pub(crate) async fn go(&mut self, url: &str) -> Page {
        let page = self.ask(Method::GET, url, None).await;
        self.follow(page).await
    }

    pub(crate) async fn follow(&mut self, mut page: Page) -> Page {
        for _ in 0..20 {
            let Some(target) = page.answer.find_header("location") else { return page };
            let next = page.url.join(target).unwrap();
            page = self.ask(Method::GET, next.as_str(), None).await;
        }
        panic!("redirects without end at {}", page.url)
    }

    /// Sends a form of a page, and follows.
    pub(crate) async fn submit(&mut self, page: &Page, form: &Form) -> Page {
        let pairs: Vec<_> = form
            .fields
            .iter()
            .map(|(name, value)| format!("{}={}", encode(name), encode(value)))
            .collect();
        let url = page.url.join(&form.action).unwrap();
        let page = self.ask(Method::POST, url.as_str(), Some(pairs.join("&"))).await;
        self.follow(page).await
    }
}

fn host(url: &reqwest::Url) -> String {
    url.origin().ascii_serialization()
}

pub(crate) fn encode(text: &str) -> String {
    percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).to_string()
}
