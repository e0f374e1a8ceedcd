//! The administrator's page. It holds nothing secret: who has no token sees a question for
//! one.

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, Uri};
use axum::response::Response;
use axum::routing::get;
use parterre_domain::Slug;

use super::answer::Failed;
use crate::context::Context;

pub(super) fn routes() -> Router<Context> {
    Router::new()
        .route("/admin", get(show))
        .route("/web/{version}/{folder}/{file}", get(part))
}

async fn show(headers: HeaderMap) -> Response {
    parterre_page::admin(&headers).map(Body::new)
}

async fn part(uri: Uri, headers: HeaderMap) -> Result<Response, Failed> {
    let part = parterre_page::part(uri.path(), &headers);
    let part = part.ok_or_else(|| Slug::NotFound.problem("there is no such part of the page"))?;
    Ok(part.map(Body::new))
}
