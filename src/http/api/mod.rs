//! The admin API, `/api/v1`: JSON, one file per resource. What the command line and the UI can do, a script can.
//!
//! Its description (OpenAPI 3.1) is made from the handlers and the types that they take and give.

mod access;
mod bindings;
mod directories;
mod event_stream;
mod events;
mod federation;
mod gc;
mod groups;
mod input;
mod issuers;
mod jobs;
mod keys;
mod providers;
mod quotas;
mod repositories;
mod robots;
mod roles;
mod schedules;
mod scrub;
mod session;
mod tags;
mod tokens;
mod trash;
mod users;
mod webhooks;

use std::sync::{Arc, OnceLock};

use axum::Router;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use http::header;
use serde::Serialize;
use utoipa::openapi::security::{
    ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme,
};
use utoipa::openapi::{Content, OpenApi, Ref, RefOr, ResponseBuilder, ServerBuilder};
use utoipa::{PartialSchema, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::app::App;
use crate::clock::Timestamp;

/// Entries of a page whose size the client leaves to us, and the most that it may ask for.
const PAGE: u64 = 1000;

fn documented() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new()
        .routes(routes!(session::show, session::sign_in, session::sign_out))
        .routes(routes!(repositories::list))
        .routes(routes!(repositories::show, repositories::change, repositories::delete))
        .routes(routes!(repositories::access))
        .routes(routes!(tags::list))
        .routes(routes!(tags::show, tags::delete))
        .routes(routes!(tags::history))
        .routes(routes!(users::list, users::add))
        .routes(routes!(users::show, users::change, users::remove))
        .routes(routes!(users::set_password))
        .routes(routes!(users::sessions, users::end_sessions))
        .routes(routes!(robots::list, robots::add))
        .routes(routes!(robots::show, robots::change, robots::remove))
        .routes(routes!(tokens::list, tokens::add))
        .routes(routes!(tokens::show, tokens::remove))
        .routes(routes!(tokens::rotate))
        .routes(routes!(groups::list, groups::add))
        .routes(routes!(groups::show, groups::change, groups::remove))
        .routes(routes!(groups::add_member, groups::remove_member))
        .routes(routes!(directories::list, directories::add))
        .routes(routes!(directories::show, directories::change, directories::remove))
        .routes(routes!(directories::test))
        .routes(routes!(roles::list))
        .routes(routes!(roles::put, roles::remove))
        .routes(routes!(bindings::list, bindings::add))
        .routes(routes!(bindings::show, bindings::remove))
        .routes(routes!(issuers::list))
        .routes(routes!(issuers::show, issuers::put, issuers::change, issuers::remove))
        .routes(routes!(federation::list))
        .routes(routes!(federation::show, federation::put, federation::change, federation::remove))
        .routes(routes!(federation::try_token))
        .routes(routes!(providers::choices))
        .routes(routes!(providers::list))
        .routes(routes!(providers::show, providers::put, providers::change, providers::remove))
        .routes(routes!(access::why))
        .routes(routes!(events::list))
        .routes(routes!(events::head))
        .routes(routes!(events::verify))
        .routes(routes!(event_stream::follow))
        .routes(routes!(jobs::list))
        .routes(routes!(jobs::show))
        .routes(routes!(jobs::cancel))
        .routes(routes!(jobs::retry))
        .routes(routes!(schedules::list))
        .routes(routes!(webhooks::list, webhooks::add))
        .routes(routes!(webhooks::show, webhooks::change, webhooks::remove))
        .routes(routes!(webhooks::deliveries))
        .routes(routes!(webhooks::redeliver))
        .routes(routes!(gc::status))
        .routes(routes!(gc::run))
        .routes(routes!(trash::list, trash::empty))
        .routes(routes!(trash::list_of, trash::empty_of))
        .routes(routes!(trash::undelete))
        .routes(routes!(trash::roll_back))
        .routes(routes!(scrub::status))
        .routes(routes!(scrub::run))
        .routes(routes!(scrub::damaged))
        .routes(routes!(quotas::list, quotas::set, quotas::remove))
        .routes(routes!(keys::list))
        .routes(routes!(keys::rotate))
}

pub(super) fn routes() -> Router<Arc<App>> {
    Router::from(documented()).route("/openapi.json", get(openapi))
}

/// `GET /api/v1/openapi.json`: for whoever asks; it is the same for every Berth of this version.
async fn openapi() -> Response {
    static TEXT: OnceLock<String> = OnceLock::new();
    let text = TEXT.get_or_init(|| {
        description().to_pretty_json().expect("a description is representable in JSON")
    });
    ([(header::CONTENT_TYPE, "application/json")], text.as_str()).into_response()
}

/// The description of the admin API.
pub(super) fn description() -> OpenApi {
    let mut api = documented().into_openapi();
    api.info.title = "Berth admin API".into();
    api.info.version = env!("CARGO_PKG_VERSION").into();
    api.info.description = Some(
        "A repository's name is one segment of a path: write `/` in it as `%2F`. Lists hold 1,000 entries at most; `next` is \
         what asks for the following page, `null` on the last one."
            .into(),
    );
    api.info.license = None;
    api.servers = Some(vec![ServerBuilder::new().url("/api/v1").build()]);
    let components = api.components.get_or_insert_default();
    components.schemas.insert("ErrorBody".into(), ErrorBody::schema());
    components.schemas.insert("ErrorEntry".into(), ErrorEntry::schema());
    let schemes = [
        (
            "password",
            SecurityScheme::Http(HttpBuilder::new().scheme(HttpAuthScheme::Basic).build()),
        ),
        ("token", SecurityScheme::Http(HttpBuilder::new().scheme(HttpAuthScheme::Bearer).build())),
        ("session", SecurityScheme::ApiKey(ApiKey::Cookie(ApiKeyValue::new("berth_session")))),
        (
            "certificate",
            SecurityScheme::MutualTls { description: None, deprecated: None, extensions: None },
        ),
    ];
    let requirements = schemes.iter().map(|(name, _)| SecurityRequirement::new(*name, [""; 0]));
    api.security = Some(requirements.collect());
    for (name, scheme) in schemes {
        components.add_security_scheme(name, scheme);
    }
    let error = || {
        let content = Content::new(Some(RefOr::Ref(Ref::from_schema_name("ErrorBody"))));
        ResponseBuilder::new()
            .description("what was wrong, as everywhere in this registry")
            .content("application/json", content)
            .build()
    };
    for item in api.paths.paths.values_mut() {
        let operations =
            [&mut item.get, &mut item.put, &mut item.post, &mut item.patch, &mut item.delete];
        for operation in operations.into_iter().flatten() {
            operation.responses.responses.insert("default".into(), RefOr::T(error()));
        }
    }
    api
}

/// What every refusal and every failure is answered with.
#[derive(Debug, Serialize, ToSchema)]
struct ErrorBody {
    errors: Vec<ErrorEntry>,
}

/// One thing that was wrong.
#[derive(Debug, Serialize, ToSchema)]
struct ErrorEntry {
    /// For programs.
    #[schema(example = "NOT_FOUND")]
    code: String,
    /// For people: what happened, and what to do.
    message: String,
}

/// A moment as the API writes it: RFC 3339 in UTC.
fn moment(at: Timestamp) -> String {
    at.to_string()
}
