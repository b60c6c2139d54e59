//! The endpoint of a scheduler: `GET /metrics` and `GET /healthz` over HTTP/1.1.
//!
//! Why: a monitor asks; a service need not be given a folder to write to.
//!
//! Invariants: nothing is read from the store for a request, so no number of them is a load on it; at most
//! [`CONNECTIONS`] at a time, each for one request and for [`LONGEST`] at most; what is not asked for by GET or
//! HEAD is refused.
//!
//! Must not know: where the figures come from.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use hyper::body::Incoming;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use prometheus::{IntCounterVec, Opts, TEXT_FORMAT};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;

use super::{Board, exposition};

/// The most connections at a time; more are closed at once.
const CONNECTIONS: usize = 16;
/// How long a connection may last.
const LONGEST: Duration = Duration::from_secs(10);
/// How long a request may take to arrive.
const ARRIVAL: Duration = Duration::from_secs(5);
/// The most bytes of a request.
const REQUEST_BYTES: usize = 16 << 10;

const JSON: &str = "application/json";
const PLAIN: &str = "text/plain; charset=utf-8";

/// A socket that is listened on.
pub struct Endpoint {
    listener: TcpListener,
    board: Board,
    requests: IntCounterVec,
}

impl Endpoint {
    /// Listens at `address` for who wants to see `board`.
    ///
    /// # Errors
    /// Where the address is taken, or not of this machine.
    pub async fn listen(address: SocketAddr, board: Board) -> Result<Self> {
        let listener = TcpListener::bind(address).await;
        let listener = listener.with_context(|| format!("cannot listen on {address} for --metrics-listen"))?;
        let counter = Opts::new(
            "paceline_http_requests_total",
            "Requests that were answered, by path and code.",
        );
        Ok(Self {
            listener,
            board,
            requests: IntCounterVec::new(counter, &["path", "code"])?,
        })
    }

    /// Where it listens; with port 0 the system has chosen one.
    ///
    /// # Errors
    /// Where the system does not tell.
    pub fn address(&self) -> Result<SocketAddr> {
        Ok(self.listener.local_addr()?)
    }

    /// Answers until it is dropped.
    pub async fn serve(self) {
        let slots = Arc::new(Semaphore::new(CONNECTIONS));
        loop {
            let stream = match self.listener.accept().await {
                Ok((stream, _)) => stream,
                Err(error) => {
                    // No file descriptor is left, most likely: that passes, and must not spin.
                    tracing::warn!(%error, "no connection for metrics");
                    tokio::time::sleep(Duration::from_millis(200)).await;
                    continue;
                }
            };
            let Ok(slot) = Arc::clone(&slots).try_acquire_owned() else {
                continue;
            };
            let (board, requests) = (self.board.clone(), self.requests.clone());
            tokio::spawn(async move {
                // Who hangs up, or asks for nothing, is no concern of ours.
                let _ = tokio::time::timeout(LONGEST, answer(stream, &board, &requests)).await;
                drop(slot);
            });
        }
    }
}

async fn answer(stream: TcpStream, board: &Board, requests: &IntCounterVec) -> hyper::Result<()> {
    let service = service_fn(|request: Request<Incoming>| async move {
        let response = respond(request.method(), request.uri().path(), board, requests);
        Ok::<_, Infallible>(response)
    });
    http1::Builder::new()
        .keep_alive(false)
        .timer(TokioTimer::new())
        .header_read_timeout(ARRIVAL)
        .max_buf_size(REQUEST_BYTES)
        .serve_connection(TokioIo::new(stream), service)
        .await
}

fn respond(method: &Method, path: &str, board: &Board, requests: &IntCounterVec) -> Response<String> {
    let may = method == Method::GET || method == Method::HEAD;
    let (code, kind, body) = match path {
        _ if !may => (StatusCode::METHOD_NOT_ALLOWED, PLAIN, "GET or HEAD\n".to_owned()),
        "/metrics" => match exposition(&board.facts(), Some(requests)) {
            Ok(text) => (StatusCode::OK, TEXT_FORMAT, text),
            Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, PLAIN, format!("{error:#}\n")),
        },
        "/healthz" => match board.health().map(|health| serde_json::to_string(&health)) {
            Some(Ok(text)) => (StatusCode::OK, JSON, text + "\n"),
            Some(Err(error)) => (StatusCode::INTERNAL_SERVER_ERROR, PLAIN, format!("{error}\n")),
            None => (
                StatusCode::SERVICE_UNAVAILABLE,
                PLAIN,
                "the scheduler has not looked for five minutes\n".to_owned(),
            ),
        },
        _ => (
            StatusCode::NOT_FOUND,
            PLAIN,
            "/metrics and /healthz are here\n".to_owned(),
        ),
    };
    // Every other path is one, or whoever asks for many would make many figures.
    let counted = if ["/metrics", "/healthz"].contains(&path) {
        path
    } else {
        "other"
    };
    requests.with_label_values(&[counted, code.as_str()]).inc();
    let mut response = Response::new(body);
    *response.status_mut() = code;
    response
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    response
}
