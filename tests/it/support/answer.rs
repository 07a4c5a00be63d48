//! What the registry answered, and how to judge it.

use reqwest::header::HeaderMap;

/// A response with its body.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) code: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) bytes: Vec<u8>,
}

impl Answer {
    pub(crate) async fn read(response: reqwest::Response) -> Self {
        let (code, headers) = (response.status().as_u16(), response.headers().clone());
        Self { code, headers, bytes: response.bytes().await.unwrap().to_vec() }
    }

    /// Fails the test unless the status is this one.
    #[track_caller]
    pub(crate) fn status(self, code: u16) -> Self {
        assert_eq!(self.code, code, "{}", self.text());
        self
    }

    /// Fails the test unless the status is 200.
    #[track_caller]
    pub(crate) fn ok(self) -> Self {
        self.status(200)
    }

    /// Fails the test unless this is the specification's error body with this code.
    #[track_caller]
    pub(crate) fn fails(self, code: u16, error: &str) -> Self {
        let answer = self.status(code);
        assert_eq!(answer.header("content-type"), "application/json");
        assert_eq!(answer.json()["errors"][0]["code"], error, "{}", answer.text());
        assert!(
            answer.json()["errors"][0]["message"]
                .as_str()
                .is_some_and(|message| !message.is_empty())
        );
        answer
    }

    /// A header as text; fails the test if there is none.
    #[track_caller]
    pub(crate) fn header(&self, name: &str) -> &str {
        self.find_header(name).unwrap_or_else(|| panic!("no header {name} in {:?}", self.headers))
    }

    pub(crate) fn find_header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    #[track_caller]
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.bytes)
            .unwrap_or_else(|error| panic!("{error}: {}", self.text()))
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes).into_owned()
    }
}
