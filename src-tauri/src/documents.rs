//! A document's original bytes for the page view, over a scheme of its own: only documents of the open library, by
//! their number, whole or by range.

use crate::commands::App;
use lectern_engine::store::DocumentId;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;
use tauri::http::{Request, Response, StatusCode, header};
use tauri::{Manager, Runtime, UriSchemeContext, UriSchemeResponder};

/// The scheme: `lectern-doc://localhost/<number>`.
pub const SCHEME: &str = "lectern-doc";

/// Answers one request.
pub fn respond<R: Runtime>(context: UriSchemeContext<'_, R>, request: Request<Vec<u8>>, responder: UriSchemeResponder) {
    let app = context.app_handle().clone();
    tauri::async_runtime::spawn(async move {
        let id = request.uri().path().trim_matches('/').parse::<i64>().ok();
        let path = match (id, app.state::<App>().workspace()) {
            (Some(id), Ok(workspace)) => workspace.source_path(DocumentId(id)).await.ok(),
            _ => None,
        };
        let range = request.headers().get(header::RANGE).and_then(|v| v.to_str().ok()).map(str::to_string);
        responder.respond(match path {
            Some(path) => file(&path, range.as_deref()).unwrap_or_else(|_| plain(StatusCode::NOT_FOUND)),
            None => plain(StatusCode::NOT_FOUND),
        });
    });
}

fn file(path: &Path, range: Option<&str>) -> std::io::Result<Response<Vec<u8>>> {
    let mut file = std::fs::File::open(path)?;
    let length = file.metadata()?.len();
    let (status, first, last) = match range.map(|r| bounds(r, length)) {
        None => (StatusCode::OK, 0, length),
        Some(Some((first, last))) => (StatusCode::PARTIAL_CONTENT, first, last),
        Some(None) => return Ok(plain(StatusCode::RANGE_NOT_SATISFIABLE)),
    };
    file.seek(SeekFrom::Start(first))?;
    let mut body = Vec::new();
    file.take(last - first).read_to_end(&mut body)?;
    let mut response = Response::builder()
        .status(status)
        .header(header::CONTENT_TYPE, "application/octet-stream")
        .header(header::ACCEPT_RANGES, "bytes")
        .header(header::ACCESS_CONTROL_ALLOW_ORIGIN, "*")
        .header(header::ACCESS_CONTROL_EXPOSE_HEADERS, "Content-Range, Accept-Ranges, Content-Length");
    if status == StatusCode::PARTIAL_CONTENT {
        response = response.header(header::CONTENT_RANGE, format!("bytes {first}-{}/{length}", last.saturating_sub(1)));
    }
    Ok(response.body(body).unwrap_or_else(|_| plain(StatusCode::INTERNAL_SERVER_ERROR)))
}

/// First byte and one past the last of `bytes=a-b`, `bytes=a-` or `bytes=-n`; `None` where it cannot be satisfied.
fn bounds(range: &str, length: u64) -> Option<(u64, u64)> {
    let (first, last) = range.strip_prefix("bytes=")?.split_once('-')?;
    let (first, last) = match (first.parse::<u64>().ok(), last.parse::<u64>().ok()) {
        (Some(first), Some(last)) => (first, last.saturating_add(1).min(length)),
        (Some(first), None) => (first, length),
        (None, Some(n)) => (length.saturating_sub(n), length),
        (None, None) => return None,
    };
    (first < last).then_some((first, last))
}

fn plain(status: StatusCode) -> Response<Vec<u8>> {
    let mut response = Response::new(Vec::new());
    *response.status_mut() = status;
    response
}

#[cfg(test)]
mod tests {
    use super::bounds;

    #[test]
    fn ranges() {
        assert_eq!(bounds("bytes=0-9", 100), Some((0, 10)));
        assert_eq!(bounds("bytes=90-", 100), Some((90, 100)));
        assert_eq!(bounds("bytes=-5", 100), Some((95, 100)));
        assert_eq!(bounds("bytes=90-900", 100), Some((90, 100)));
        assert_eq!(bounds("bytes=100-", 100), None);
        assert_eq!(bounds("lines=1-2", 100), None);
    }
}
