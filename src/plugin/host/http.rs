//! `wasi:http`: requests of a plugin's own, to hosts that it was granted.

use std::sync::Arc;
use std::time::Duration;

use http::{Request, Response};
use http_body::Frame;
use http_body_util::{BodyExt as _, BodyStream};
use tokio::sync::OwnedSemaphorePermit;
use wasmtime_wasi_http::{Error, RequestOptions, WasiBody, WasiHttpHooks};

use super::super::HttpRule;
use super::super::limits::Limits;
use super::super::state::Desk;
use super::super::trace::Level;
use crate::remote::{Destination, OutboundError, RequestBody, Terms};

/// How long an answer may take to begin, and its next piece to come. The call's own deadline ends all of it.
const PATIENCE: Duration = Duration::from_mins(1);

/// Makes the requests of one call.
pub(in super::super) struct Requests {
    desk: Desk,
    max_response: u64,
}

/// What an answer needs that goes on, for wasmtime.
type Going = Box<dyn Future<Output = Result<(), Error>> + Send>;
type Sent = Result<(Response<WasiBody>, Going), Error>;

impl Requests {
    pub(in super::super) fn new(desk: Desk, limits: &Limits) -> Self {
        Self { desk, max_response: limits.response.get() }
    }

    /// What a request may do, if it is one of those that were granted.
    fn terms(&self, request: &Request<WasiBody>, options: RequestOptions) -> Result<Terms, Error> {
        let destination =
            Destination::of(request.uri()).map_err(|_| Error::HttpRequestUriInvalid)?;
        let rules = self.desk.guest.granted.http();
        let rules: Vec<&HttpRule> =
            rules.filter(|rule| rule.allows(request.method(), &destination)).collect();
        if rules.is_empty() {
            let Destination { host, port, is_tls } = &destination;
            let scheme = if *is_tls { "https" } else { "http" };
            let wanted = format!("http {} {scheme}://{host}:{port}", request.method());
            self.refused(&wanted, "was not granted");
            return Err(Error::HttpRequestDenied);
        }
        // A rule that names an address allows that address; a name, only what it may lead to.
        let is_named = rules.iter().any(|rule| rule.is_exact());
        let exact = destination.address().filter(|_| is_named).into_iter().collect();
        let reach = rules.iter().map(|rule| rule.reach()).max().unwrap_or_default();
        let shorter = |asked: Option<Duration>| asked.map_or(PATIENCE, |asked| asked.min(PATIENCE));
        Ok(Terms {
            reach,
            addresses: exact,
            max_response: self.max_response,
            first_byte: shorter(options.first_byte_timeout),
            between_bytes: shorter(options.between_bytes_timeout),
        })
    }

    fn refused(&self, wanted: &str, why: &str) {
        tracing::warn!(plugin.name = %self.desk.guest.name, capability = wanted, "a request of the plugin {} {why}: {wanted}", self.desk.guest.name);
        self.desk.trace.log(
            self.desk.guest.clock.now(),
            Level::Warn,
            format!("`{wanted}` {why}"),
            Vec::new(),
        );
    }
}

impl WasiHttpHooks for Requests {
    fn send_request(
        &mut self,
        request: Request<WasiBody>,
        options: Option<RequestOptions>,
        _: Going,
    ) -> Box<dyn Future<Output = Sent> + Send> {
        self.desk.trace.request();
        let terms = match self.terms(&request, options.unwrap_or_default()) {
            Ok(terms) => terms,
            Err(error) => return Box::new(std::future::ready(Err(error))),
        };
        let Desk { guest, trace } = self.desk.clone();
        Box::new(async move {
            let turn = Arc::clone(&guest.requests).acquire_owned().await;
            let turn = turn.map_err(|_| Error::ConnectionLimitReached)?;
            let url = request.uri().to_string();
            match guest.outbound.send(request.map(sent_body), &terms).await {
                Ok(response) => {
                    let body = |body| received_body(body, turn);
                    Ok((response.map(body), Box::new(async { Ok(()) }) as Going))
                }
                Err(error) => {
                    tracing::debug!(plugin.name = %guest.name, %error, "a request of the plugin {} failed: {error}", guest.name);
                    trace.log(
                        guest.clock.now(),
                        Level::Warn,
                        format!("{url}: {error}"),
                        Vec::new(),
                    );
                    Err(told(error))
                }
            }
        })
    }
}

fn sent_body(body: WasiBody) -> Option<RequestBody> {
    if http_body::Body::is_end_stream(&body) {
        return None;
    }
    let stream = futures::StreamExt::filter_map(BodyStream::new(body), |frame| async {
        match frame.map(Frame::into_data) {
            Ok(Ok(data)) => Some(Ok(data)),
            // Trailers are not sent.
            Ok(Err(_)) => None,
            Err(error) => Some(Err(OutboundError::Broken {
                host: "the plugin".into(),
                cause: error.to_string(),
            })),
        }
    });
    Some(Box::pin(stream))
}

fn received_body(body: crate::remote::AnswerBody, turn: OwnedSemaphorePermit) -> WasiBody {
    // The turn is over when the body is, or when nobody wants it any more.
    body.map_frame(move |frame| {
        let _ = &turn;
        frame
    })
    .map_err(told)
    .boxed_unsync()
}

fn told(error: OutboundError) -> Error {
    match error {
        OutboundError::Blocked { .. } => Error::DestinationIpProhibited,
        OutboundError::Url(_) => Error::HttpRequestUriInvalid,
        OutboundError::Name { .. } => Error::DestinationNotFound,
        OutboundError::Connect { .. } => Error::ConnectionRefused,
        OutboundError::Timeout { .. } => Error::HttpResponseTimeout,
        OutboundError::TooLarge(most) => Error::HttpResponseBodySize(Some(most)),
        OutboundError::Broken { .. } => Error::ConnectionTerminated,
        OutboundError::Setup(_) => Error::ConfigurationError,
    }
}
