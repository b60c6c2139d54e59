//! A connection that stands and is logged in, or none.
//!
//! Invariants: the password leaves only as a scramble; an answer that is not the plain way to a session ends
//! the attempt, and nothing is said about it.
//!
//! Must not know: what is asked afterwards.

use std::io;

use mysql_async::Opts;
use mysql_common::constants::{CapabilityFlags, Command};
use mysql_common::io::ParseBuf;
use mysql_common::packets::{AuthPlugin, AuthSwitchRequest, HandshakePacket, HandshakeResponse};
use mysql_common::proto::MySerialize;
use tokio::net::{TcpStream, UnixStream};

use super::stream::{Stream, Wire};
use super::{EOF, OK};

/// What the client can do. Without `CLIENT_DEPRECATE_EOF`: then a packet ends the columns, and another the rows.
const CAPABILITIES: CapabilityFlags = CapabilityFlags::CLIENT_PROTOCOL_41
    .union(CapabilityFlags::CLIENT_SECURE_CONNECTION)
    .union(CapabilityFlags::CLIENT_PLUGIN_AUTH)
    .union(CapabilityFlags::CLIENT_CONNECT_WITH_DB)
    .union(CapabilityFlags::CLIENT_LONG_FLAG)
    .union(CapabilityFlags::CLIENT_TRANSACTIONS);
/// The largest packet that the server may send.
const MAX_PACKET: u32 = 1 << 24;
/// First byte of a packet: the plugin goes on.
const MORE: u8 = 0x01;
/// The second one: the server knows the password already.
const KNOWN: u8 = 0x03;
/// A server asks for another plugin once; the rest is one answer.
const MOST_ANSWERS: usize = 4;

/// None where the URL or the server asks for more than is done here.
pub(super) async fn login(opts: &Opts) -> io::Result<Option<Wire>> {
    if opts.ssl_opts().is_some() || opts.compression().is_some() {
        return Ok(None);
    }
    let mut wire = Wire::new(connect(opts).await?);
    if !greet(&mut wire, opts).await? {
        return Ok(None);
    }
    for statement in opts.setup() {
        wire.command(Command::COM_QUERY, statement.as_bytes()).await?;
        if wire.packet().await?.first() != Some(&OK) {
            return Ok(None);
        }
    }
    Ok(Some(wire))
}

async fn connect(opts: &Opts) -> io::Result<Box<dyn Stream>> {
    if let Some(path) = opts.socket() {
        return Ok(Box::new(UnixStream::connect(path).await?));
    }
    let stream = TcpStream::connect((opts.ip_or_hostname(), opts.tcp_port())).await?;
    stream.set_nodelay(true)?;
    if let Some(idle) = opts.tcp_keepalive() {
        let keepalive = socket2::TcpKeepalive::new().with_time(idle);
        socket2::SockRef::from(&stream).set_tcp_keepalive(&keepalive)?;
    }
    Ok(Box::new(stream))
}

/// Answers the server's greeting; whether it opened a session.
async fn greet(wire: &mut Wire, opts: &Opts) -> io::Result<bool> {
    let greeting: HandshakePacket<'_> = ParseBuf(wire.packet().await?).parse(())?;
    let capabilities = greeting.capabilities() & CAPABILITIES;
    if capabilities != CAPABILITIES {
        return Ok(false);
    }
    let plugin = match greeting.auth_plugin() {
        Some(AuthPlugin::CachingSha2Password) => AuthPlugin::CachingSha2Password,
        _ => AuthPlugin::MysqlNativePassword,
    };
    let scramble = plugin.gen_data(opts.pass(), &greeting.nonce());
    let response = HandshakeResponse::new(
        scramble.as_deref(),
        greeting.server_version_parsed().unwrap_or_default(),
        opts.user().map(str::as_bytes),
        opts.db_name().map(str::as_bytes),
        Some(plugin),
        capabilities,
        None,
        MAX_PACKET,
    );
    let mut answer = Vec::new();
    response.serialize(&mut answer);
    for _ in 0..MOST_ANSWERS {
        if !answer.is_empty() {
            wire.answer(&answer).await?;
        }
        answer = match wire.packet().await? {
            [OK, ..] => return Ok(true),
            [MORE, KNOWN, ..] => Vec::new(),
            packet @ [EOF, _, ..] => match switched(packet, opts.pass())? {
                Some(answer) => answer,
                None => return Ok(false),
            },
            _ => return Ok(false),
        };
    }
    Ok(false)
}

/// The answer to a server that wants another plugin; None where it is not one of the two, or the answer is empty.
fn switched(packet: &[u8], password: Option<&str>) -> io::Result<Option<Vec<u8>>> {
    let wanted: AuthSwitchRequest<'_> = ParseBuf(packet).parse(())?;
    let plugin = wanted.auth_plugin();
    if !matches!(
        plugin,
        AuthPlugin::CachingSha2Password | AuthPlugin::MysqlNativePassword
    ) {
        return Ok(None);
    }
    Ok(plugin
        .gen_data(password, wanted.plugin_data())
        .map(|scramble| scramble.to_vec()))
}
