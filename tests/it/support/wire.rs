//! A wire to a server that can be told to break at a packet.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// When a wire breaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// The packet does not arrive.
    Before,
    /// The packet arrives, and what the server answers does not.
    After,
}

/// Where a wire breaks, once.
#[derive(Debug, Clone, Copy)]
pub struct Cut {
    /// What the client's packet holds; empty: any packet.
    pub text: &'static [u8],
    /// At the first, second, .. of them, from 0.
    pub nth: usize,
    /// Before or after it.
    pub side: Side,
}

/// A COMMIT as the driver sends it.
pub const COMMIT: &[u8] = b"\x03COMMIT";

/// A proxy of a server on this machine.
pub struct Wire {
    port: u16,
    to: u16,
    cut: Arc<Mutex<Option<Cut>>>,
}

impl Wire {
    /// To the server on `to`, whole.
    pub fn new(to: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("its address").port();
        let cut = Arc::new(Mutex::new(None));
        let shared = Arc::clone(&cut);
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let server = TcpStream::connect(("127.0.0.1", to)).expect("the server");
                let (from, to) = (client.try_clone().expect("clone"), server.try_clone().expect("clone"));
                let cut = Arc::clone(&shared);
                std::thread::spawn(move || forward(from, to, |packet| broken(&cut, packet)));
                std::thread::spawn(move || forward(server, client, |_| None));
            }
        });
        Self { port, to, cut }
    }

    /// The URL of a database of the server, by this wire.
    pub fn url(&self, of: &str) -> String {
        of.replace(&format!(":{}/", self.to), &format!(":{}/", self.port))
    }

    /// Will break there, once.
    pub fn cut(&self, cut: Cut) {
        *lock(&self.cut) = Some(cut);
    }

    /// True while the last cut is still to come; it does not come any more then.
    pub fn mend(&self) -> bool {
        lock(&self.cut).take().is_some()
    }
}

fn lock(cut: &Mutex<Option<Cut>>) -> MutexGuard<'_, Option<Cut>> {
    cut.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Whether and how the wire breaks at this packet.
fn broken(cut: &Mutex<Option<Cut>>, packet: &[u8]) -> Option<Side> {
    let mut cut = lock(cut);
    let wanted = cut.as_mut()?;
    if !wanted.text.is_empty() && !packet.windows(wanted.text.len()).any(|window| window == wanted.text) {
        return None;
    }
    if wanted.nth > 0 {
        wanted.nth -= 1;
        return None;
    }
    cut.take().map(|cut| cut.side)
}

fn forward(mut from: TcpStream, mut to: TcpStream, judge: impl Fn(&[u8]) -> Option<Side>) {
    let mut buffer = [0; 65_536];
    while let Ok(length @ 1..) = from.read(&mut buffer) {
        let packet = &buffer[..length];
        match judge(packet) {
            None => {
                if to.write_all(packet).is_err() {
                    break;
                }
            }
            Some(Side::Before) => break,
            Some(Side::After) => {
                // The client's side is cut first, so that the server's answer cannot slip through.
                let _ = from.shutdown(Shutdown::Both);
                let _ = to.write_all(packet);
                std::thread::sleep(Duration::from_millis(100));
                break;
            }
        }
    }
    let _ = from.shutdown(Shutdown::Both);
    let _ = to.shutdown(Shutdown::Both);
}
