//! `OpenID` Connect: from the code to what the provider says of whoever signed in.

use std::sync::Arc;

use serde_json::Value;

use super::identity::Said;
use super::setup::Setup;
use super::{Begun, SignInError, untrue, unusable};
use crate::auth::Auth;
use crate::auth::federation::{self, Claims, Flaw, Source, Unverified, entries};
use crate::meta::{Provider, ProviderKind};
use crate::remote::{ClientSecret, WebError};
use crate::secret::Secret;

/// An address that the discovery document names.
pub(super) async fn endpoint(source: &Arc<Source>, name: &str) -> Result<String, WebError> {
    let discovery = source.discovery().await?;
    let address = discovery[name].as_str().map(str::to_owned);
    address.ok_or_else(|| source.form(&format!("its discovery document has no `{name}`")))
}

/// How the client secret is sent: as the provider would have it (Discovery §3), by the header if it says nothing.
fn client_secret<'a>(provider: &'a Provider, discovery: &Value) -> ClientSecret<'a> {
    let Some(secret) = &provider.secret else { return ClientSecret::None };
    let takes = |method: &str| {
        let methods = discovery["token_endpoint_auth_methods_supported"].as_array();
        methods.map(|methods| methods.iter().any(|known| known == method))
    };
    match (takes("client_secret_basic"), takes("client_secret_post")) {
        (Some(false), Some(true)) => ClientSecret::Form(secret),
        _ => ClientSecret::Basic(secret),
    }
}

/// Redeems a code.
pub(super) async fn ask(
    auth: &Auth,
    source: &Arc<Source>,
    provider: &Provider,
    setup: &Setup,
    begun: &Begun,
    code: &str,
) -> Result<Said, SignInError> {
    let away = |cause| unusable(provider, cause);
    let discovery = source.discovery().await.map_err(away)?;
    let form = [
        ("grant_type", "authorization_code"),
        ("code", code),
        ("redirect_uri", begun.redirect_uri.as_str()),
        ("code_verifier", begun.verifier.as_str()),
    ];
    let address = endpoint(source, "token_endpoint").await.map_err(away)?;
    let (id, secret) = (&provider.settings.client_id, client_secret(provider, &discovery));
    let answer = source.web().post(&address, &form, id, secret).await.map_err(away)?;
    let token = answer["id_token"].as_str();
    let token = token.ok_or_else(|| away(source.form("its answer holds no `id_token`")))?;
    let mut claims =
        verify(auth, provider, setup, begun, token).await.map_err(|flaw| untrue(provider, flaw))?;
    if wants_more(provider, setup, &claims)
        && let Some(address) = discovery["userinfo_endpoint"].as_str()
        && let Some(access) = answer["access_token"].as_str()
    {
        let access = Secret::new(access.to_owned());
        let told = source.web().get(address, Some(&access)).await.map_err(away)?.body;
        // Else it could be somebody else's (Core §5.3.2).
        if told["sub"] != claims["sub"] {
            return Err(untrue(provider, Flaw::Missing("sub")));
        }
        for (claim, value) in told.as_object().into_iter().flatten() {
            claims.entry(claim).or_insert_with(|| value.clone());
        }
    }
    Ok(read(provider, setup, &claims))
}

/// Checks an ID token (Core §3.1.3.7); gives its claims.
async fn verify(
    auth: &Auth,
    provider: &Provider,
    setup: &Setup,
    begun: &Begun,
    text: &str,
) -> Result<Claims, Flaw> {
    let token = Unverified::read(text)?;
    if token.text("iss")? != setup.issuer {
        return Err(Flaw::Issuer);
    }
    let (audiences, ours) = (token.audiences(), &provider.settings.client_id);
    let party = token.text("azp").ok();
    let is_ours = audiences.contains(ours) && party.is_none_or(|party| party == ours);
    if !is_ours || (audiences.len() > 1 && party.is_none()) {
        return Err(Flaw::Audience);
    }
    token.check_times(auth.clock.now())?;
    let nonce = Secret::new(token.text("nonce")?.to_owned());
    if nonce != Secret::new(begun.nonce.clone()) {
        return Err(Flaw::Nonce);
    }
    token.text("sub")?;
    auth.verify_signature(&setup.place(provider), &token).await?;
    Ok(token.into_claims())
}

/// Whether the ID token leaves something out that we need.
fn wants_more(provider: &Provider, setup: &Setup, claims: &Claims) -> bool {
    let lacks = |claim: &str| federation::find_claim(claims, claim).is_none();
    let wants_email = !provider.settings.allowed_domains.is_empty() || setup.name_claim == "email";
    lacks(&setup.name_claim)
        || setup.groups_claim.as_deref().is_some_and(lacks)
        || (wants_email && lacks("email"))
}

fn read(provider: &Provider, setup: &Setup, claims: &Claims) -> Said {
    let text = |claim: &str| {
        let value = federation::find_claim(claims, claim).and_then(Value::as_str);
        value.filter(|text| !text.is_empty()).map(str::to_owned)
    };
    let id = text("sub").unwrap_or_default();
    let email = text("email").unwrap_or_default();
    let is_verified =
        claims.get("email_verified").is_some_and(|value| value == true || value == "true");
    let domain = match provider.kind {
        // What the address ends in says nothing at Google; who manages the account does.
        ProviderKind::Google => text("hd"),
        _ if is_verified => email.rsplit_once('@').map(|(_, domain)| domain.to_owned()),
        _ => None,
    };
    let groups = setup.groups_claim.as_deref();
    let groups = groups.and_then(|claim| federation::find_claim(claims, claim));
    if groups.is_none() && claims.contains_key("_claim_names") {
        // Entra leaves them out where there are too many (docs/sso.md).
        tracing::warn!(
            provider.name = provider.name,
            "{} lists too many groups for {id} to fit into a token, and so none",
            provider.name
        );
    }
    Said {
        name: text(&setup.name_claim).or_else(|| text("email")).unwrap_or_else(|| id.clone()),
        full_name: text("name").unwrap_or_default(),
        groups: groups.map(entries).unwrap_or_default(),
        id,
        email,
        domain,
    }
}
