//! Requests to hosts that the plugin was granted.
//!
//! Redirects are not followed: where one leads has to be granted as well, so it is the plugin's to ask for.

use std::time::Duration;

use crate::Error;
use crate::InputStream;
use crate::bindings::host::wasi::http::outgoing_handler;
use crate::bindings::host::wasi::http::types::{
    ErrorCode, Fields, IncomingBody, IncomingResponse, Method, OutgoingBody, OutgoingRequest,
    RequestOptions, Scheme,
};
use crate::bindings::host::wasi::io::streams::StreamError;
use crate::stream::Reader;

/// A request that is being put together.
#[derive(Debug)]
pub struct Request {
    method: Method,
    url: String,
    headers: Vec<(String, Vec<u8>)>,
    body: Body,
    timeout: Option<Duration>,
}

#[derive(Debug)]
enum Body {
    None,
    Bytes(Vec<u8>),
    Stream { stream: InputStream, length: Option<u64> },
}

/// An answer.
#[derive(Debug)]
pub struct Response {
    /// The status.
    pub status: u16,
    /// The headers, their names in lower case.
    pub headers: Vec<(String, Vec<u8>)>,
    body: IncomingBody,
}

impl Request {
    /// A request with a method, such as `GET`.
    pub fn new(method: &str, url: impl Into<String>) -> Self {
        let method = match method {
            "GET" => Method::Get,
            "HEAD" => Method::Head,
            "POST" => Method::Post,
            "PUT" => Method::Put,
            "DELETE" => Method::Delete,
            "PATCH" => Method::Patch,
            "OPTIONS" => Method::Options,
            other => Method::Other(other.to_owned()),
        };
        Self { method, url: url.into(), headers: Vec::new(), body: Body::None, timeout: None }
    }

    /// `GET`
    pub fn get(url: impl Into<String>) -> Self {
        Self::new("GET", url)
    }

    /// `POST`
    pub fn post(url: impl Into<String>) -> Self {
        Self::new("POST", url)
    }

    /// With a header.
    #[must_use]
    pub fn header(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        self.headers.push((name.to_owned(), value.as_ref().to_vec()));
        self
    }

    /// With a body.
    #[must_use]
    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = Body::Bytes(body.into());
        self
    }

    /// With a body that goes from one stream to the other without passing through the plugin's memory.
    #[must_use]
    pub fn stream(mut self, stream: InputStream, length: Option<u64>) -> Self {
        self.body = Body::Stream { stream, length };
        self
    }

    /// The answer has to begin within this time.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// Sends it.
    pub fn send(self) -> Result<Response, Error> {
        let (scheme, authority, path) = split(&self.url)?;
        let mut headers = self.headers;
        let length = match &self.body {
            Body::None => None,
            Body::Bytes(bytes) => Some(bytes.len() as u64),
            Body::Stream { length, .. } => *length,
        };
        if let Some(length) = length {
            headers.push(("content-length".into(), length.to_string().into_bytes()));
        }
        let fields = Fields::from_list(&headers)
            .map_err(|error| Error::Invalid(format!("a header cannot be sent: {error:?}")))?;
        let request = OutgoingRequest::new(fields);
        let invalid = |()| Error::Invalid(format!("`{}` cannot be asked", self.url));
        request.set_method(&self.method).map_err(invalid)?;
        request.set_scheme(Some(&scheme)).map_err(invalid)?;
        request.set_authority(Some(&authority)).map_err(invalid)?;
        request.set_path_with_query(Some(&path)).map_err(invalid)?;
        let options = RequestOptions::new();
        if let Some(timeout) = self.timeout {
            let nanos = u64::try_from(timeout.as_nanos()).unwrap_or(u64::MAX);
            let _ = options.set_first_byte_timeout(Some(nanos));
        }
        let body = match self.body {
            Body::None => None,
            body => Some((request.body().map_err(invalid)?, body)),
        };
        let answer = outgoing_handler::handle(request, Some(options)).map_err(told)?;
        if let Some((outgoing, body)) = body {
            write(outgoing, body)?;
        }
        loop {
            if let Some(answer) = answer.get() {
                let response = answer
                    .map_err(|()| Error::Internal("the answer was taken twice".into()))?
                    .map_err(told)?;
                return Response::new(&response);
            }
            answer.subscribe().block();
        }
    }
}

impl Response {
    fn new(response: &IncomingResponse) -> Result<Self, Error> {
        let body = response.consume();
        Ok(Self {
            status: response.status(),
            headers: response.headers().entries(),
            body: body.map_err(|()| Error::Internal("the body was taken twice".into()))?,
        })
    }

    /// A header, if it is text.
    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name))?;
        std::str::from_utf8(&found.1).ok()
    }

    /// The body as it comes.
    pub fn into_reader(self) -> Result<Reader, Error> {
        let stream = self.body.stream();
        stream.map(Reader::new).map_err(|()| Error::Internal("the body was taken twice".into()))
    }

    /// The whole body, if it has at most so many bytes.
    pub fn read_all(self, most: usize) -> Result<Vec<u8>, Error> {
        let stream = self.body.stream();
        let stream = stream.map_err(|()| Error::Internal("the body was taken twice".into()))?;
        Reader::new(stream).read_all(most)
    }
}

fn split(url: &str) -> Result<(Scheme, String, String), Error> {
    let (scheme, rest) = match url.split_once("://") {
        Some(("https", rest)) => (Scheme::Https, rest),
        Some(("http", rest)) => (Scheme::Http, rest),
        _ => return Err(Error::Invalid(format!("`{url}` is no URL of HTTP"))),
    };
    let end = rest.find(['/', '?']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at(end);
    let path = if path.starts_with('/') { path.to_owned() } else { format!("/{path}") };
    Ok((scheme, authority.to_owned(), path))
}

fn write(outgoing: OutgoingBody, body: Body) -> Result<(), Error> {
    const PIECE: usize = 4096;
    let broken =
        |error: StreamError| Error::Unavailable(format!("the body was not sent: {error:?}"));
    let stream =
        outgoing.write().map_err(|()| Error::Internal("the body was taken twice".into()))?;
    match body {
        Body::None => {}
        Body::Bytes(bytes) => {
            for piece in bytes.chunks(PIECE) {
                stream.blocking_write_and_flush(piece).map_err(broken)?;
            }
        }
        Body::Stream { stream: content, .. } => loop {
            match stream.blocking_splice(&content, 1 << 20) {
                Ok(_) => {}
                Err(StreamError::Closed) => break,
                Err(error) => return Err(broken(error)),
            }
        },
    }
    drop(stream);
    OutgoingBody::finish(outgoing, None).map_err(told)
}

/// What the host says, as the error that the hooks want.
fn told(error: ErrorCode) -> Error {
    match error {
        ErrorCode::HttpRequestDenied => Error::Denied("this host was not granted".into()),
        ErrorCode::DestinationIpProhibited => {
            Error::Denied("this host is in a network that was not granted".into())
        }
        ErrorCode::HttpResponseBodySize(most) => {
            Error::LimitExceeded(format!("the answer has more than {most:?} bytes"))
        }
        other => Error::Unavailable(format!("the request failed: {other:?}")),
    }
}
