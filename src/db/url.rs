//! Database URLs: which store, where, with what login.
//!
//! Why: `DATABASE_URL` holds a password and ends up in logs, errors and bug reports. It is parsed
//! once into parts; only the parts without the secret can be printed.
//!
//! Invariants: neither `Display` nor `Debug` nor any error of this module shows a password, nor a
//! text that might hold one; a parameter that is not understood is an error, never ignored (a
//! misspelt `ssl-mode` must not mean "no TLS").
//!
//! Must not know: pools, statements.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use super::error::DbError;

/// Where the data lives.
#[derive(Clone)]
pub enum DatabaseUrl {
    /// `sqlite://paceline.db` (relative to the working directory) or `sqlite:///abs/path.db`.
    Sqlite(PathBuf),
    /// `mysql://user:password@host:3306/database`; `mariadb://` means the same.
    MySql(MySqlUrl),
}

/// How far the server's certificate is trusted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TlsMode {
    /// No TLS.
    Disabled,
    /// Encrypted; the certificate is not checked.
    Required,
    /// Encrypted; the certificate must come from a trusted authority. The driver (mysql_async 0.37
    /// with rustls 0.23) does not recognise a wrong host name among the other refusals and so
    /// checks the name too: stricter than asked, never laxer.
    VerifyCa,
    /// Encrypted; the certificate must come from a trusted authority and name this host.
    VerifyIdentity,
}

/// The parts of a `mysql://` URL.
#[derive(Clone)]
pub struct MySqlUrl {
    user: String,
    password: Option<String>,
    host: String,
    port: u16,
    database: String,
    tls: Option<TlsMode>,
    ssl_ca: Option<PathBuf>,
    driver: mysql_async::Opts,
}

/// Silence on a connection after which the other end is probed, unless the URL says `tcp_keepalive`
/// (in milliseconds): a statement has no time-out of its own, and a peer that vanished must end it.
const KEEPALIVE: Duration = Duration::from_secs(30);

/// Driver parameters that would break a promise of this layer.
const RESERVED: [&str; 4] = ["client_found_rows", "reset_connection", "pool_min", "pool_max"];

impl FromStr for DatabaseUrl {
    type Err = DbError;

    fn from_str(text: &str) -> Result<Self, DbError> {
        let bad = |detail: String| DbError::BadUrl {
            url: blotted(text),
            detail,
        };
        let text = text.trim();
        if let Some(path) = text.strip_prefix("sqlite://") {
            return sqlite_path(path).map(Self::Sqlite).map_err(bad);
        }
        if text.starts_with("mysql://") || text.starts_with("mariadb://") {
            return MySqlUrl::parse(text).map(Self::MySql).map_err(bad);
        }
        Err(bad("it must begin with sqlite://, mysql:// or mariadb://".into()))
    }
}

impl fmt::Display for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sqlite(path) => write!(f, "sqlite://{}", path.display()),
            Self::MySql(url) => url.fmt(f),
        }
    }
}

impl fmt::Debug for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DatabaseUrl({self})")
    }
}

impl fmt::Display for MySqlUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            user,
            host,
            port,
            database,
            ..
        } = self;
        if host.contains(':') {
            return write!(f, "mysql://{user}@[{host}]:{port}/{database}");
        }
        write!(f, "mysql://{user}@{host}:{port}/{database}")
    }
}

impl fmt::Debug for MySqlUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MySqlUrl({self})")
    }
}

impl DatabaseUrl {
    /// True where what is sent does not leave this machine.
    pub fn is_local(&self) -> bool {
        match self {
            Self::Sqlite(_) => true,
            Self::MySql(url) => {
                let address = url.host.parse::<std::net::IpAddr>();
                url.host.eq_ignore_ascii_case("localhost") || address.is_ok_and(|address| address.is_loopback())
            }
        }
    }

    /// The same text without what may be secret in it; None where nothing is.
    pub fn masked(text: &str) -> Option<String> {
        match text.parse() {
            Ok(Self::Sqlite(_)) => None,
            // A parameter of the driver may be as secret as a password.
            Ok(Self::MySql(url)) if url.password.is_some() => Some(blotted(text)),
            Ok(Self::MySql(_)) => None,
            Err(_) => Some(blotted(text)).filter(|masked| masked != text),
        }
    }
}

impl MySqlUrl {
    /// The database's name.
    pub fn database(&self) -> &str {
        &self.database
    }

    /// What the URL asks of TLS; None where it says nothing or uses the driver's own words
    /// (`require_ssl`, `verify_ca`, `verify_identity`).
    pub fn tls(&self) -> Option<TlsMode> {
        self.tls
    }

    /// Refuses a URL that names a file which cannot be read; the driver would not say which.
    pub(super) fn check_files(&self) -> Result<(), DbError> {
        let Some(path) = &self.ssl_ca else {
            return Ok(());
        };
        std::fs::File::open(path).map(|_| ()).map_err(|error| DbError::BadUrl {
            url: self.to_string(),
            detail: format!("ssl-ca: cannot read {}: {error}", path.display()),
        })
    }

    /// The driver's options for this URL, before pool and session setup.
    pub(super) fn driver_options(&self) -> mysql_async::OptsBuilder {
        let keepalive = self.driver.tcp_keepalive().unwrap_or(KEEPALIVE);
        let builder = mysql_async::OptsBuilder::from_opts(self.driver.clone())
            .tcp_keepalive(Some(keepalive))
            .ip_or_hostname(self.host.clone())
            .tcp_port(self.port)
            .user(Some(self.user.clone()))
            .pass(self.password.clone())
            .db_name(Some(self.database.clone()));
        match self.tls {
            None => builder,
            Some(mode) => builder.ssl_opts(tls_options(mode, self.ssl_ca.as_deref())),
        }
    }

    fn parse(text: &str) -> Result<Self, String> {
        let url = url::Url::parse(text).map_err(|e| {
            format!("{e}; reserved characters in user or password must be written %XX (@ is %40, : is %3A, / is %2F)")
        })?;
        if url.fragment().is_some() {
            return Err("a # in the password must be written %23".into());
        }
        let host = match url.host() {
            None => return Err("it names no host".into()),
            Some(url::Host::Ipv6(address)) => address.to_string(),
            Some(host) => decoded(&host.to_string(), "host")?,
        };
        let database = decoded(url.path().trim_matches('/'), "database")?;
        if database.is_empty() {
            return Err("it names no database: end it with /DATABASE".into());
        }
        if database.contains('/') {
            return Err("the path must be one database name; a / in the password must be written %2F".into());
        }
        let parameters = Parameters::read(&url)?;
        Ok(Self {
            user: decoded(url.username(), "user")?,
            password: url.password().map(|p| decoded(p, "password")).transpose()?,
            host,
            port: url.port().unwrap_or(3306),
            database,
            tls: parameters.tls,
            ssl_ca: parameters.ssl_ca,
            driver: parameters.driver,
        })
    }
}

/// What stands behind the `?`.
struct Parameters {
    tls: Option<TlsMode>,
    ssl_ca: Option<PathBuf>,
    driver: mysql_async::Opts,
}

impl Parameters {
    fn read(url: &url::Url) -> Result<Self, String> {
        let mut tls = None;
        let mut ssl_ca = None;
        let mut rest = url::form_urlencoded::Serializer::new(String::new());
        // The driver moves to the server's socket on its own once it has logged in by TCP, and so
        // would leave TLS; here that happens only where the URL asks for it.
        rest.append_pair("prefer_socket", "false");
        for (key, value) in url.query_pairs() {
            match &*key {
                "ssl-mode" | "ssl_mode" => tls = Some(tls_mode(&value)?),
                "ssl-ca" | "ssl_ca" => ssl_ca = Some(PathBuf::from(&*value)),
                "charset" if value.eq_ignore_ascii_case("utf8mb4") => {}
                "charset" => return Err("charset must be utf8mb4".into()),
                reserved if RESERVED.contains(&reserved) => {
                    return Err(format!(
                        "parameter '{reserved}' is set by Paceline; remove it from the URL"
                    ));
                }
                _ => {
                    rest.append_pair(&key, &value);
                }
            }
        }
        let driver = driver_parameters(&rest.finish())?;
        if driver.ssl_opts().is_some() && tls.is_some() {
            return Err("ssl-mode and require_ssl both speak of TLS; keep ssl-mode".into());
        }
        let tls = match (tls, &ssl_ca) {
            (None, Some(_)) => Some(TlsMode::VerifyCa),
            (Some(TlsMode::Disabled), Some(_)) => {
                return Err("ssl-ca with ssl-mode=DISABLED: remove one of them".into());
            }
            (tls, _) => tls,
        };
        Ok(Self { tls, ssl_ca, driver })
    }
}

/// The driver's own reading of its parameters; its names are its documentation's.
fn driver_parameters(query: &str) -> Result<mysql_async::Opts, String> {
    mysql_async::Opts::from_url(&format!("mysql://host/?{query}")).map_err(|error| match error {
        mysql_async::UrlError::UnknownParameter { param } => {
            format!("unknown parameter '{param}'; known are ssl-mode, ssl-ca, charset and those of mysql_async")
        }
        mysql_async::UrlError::InvalidParamValue { param, .. } => format!("parameter '{param}' has an invalid value"),
        other => other.to_string(),
    })
}

fn tls_mode(value: &str) -> Result<TlsMode, String> {
    match value.to_ascii_uppercase().as_str() {
        "DISABLED" => Ok(TlsMode::Disabled),
        "REQUIRED" => Ok(TlsMode::Required),
        "VERIFY_CA" => Ok(TlsMode::VerifyCa),
        "VERIFY_IDENTITY" => Ok(TlsMode::VerifyIdentity),
        _ => Err("ssl-mode must be DISABLED, REQUIRED, VERIFY_CA or VERIFY_IDENTITY".into()),
    }
}

fn tls_options(mode: TlsMode, ssl_ca: Option<&Path>) -> Option<mysql_async::SslOpts> {
    let options = mysql_async::SslOpts::default();
    let options = match mode {
        TlsMode::Disabled => return None,
        TlsMode::Required => options.with_danger_accept_invalid_certs(true),
        TlsMode::VerifyCa => options.with_danger_skip_domain_validation(true),
        TlsMode::VerifyIdentity => options,
    };
    Some(match ssl_ca {
        None => options,
        // A named authority is the only one trusted, as in the server's own client.
        Some(path) => options
            .with_root_certs(vec![path.to_owned().into()])
            .with_disable_built_in_roots(true),
    })
}

fn sqlite_path(text: &str) -> Result<PathBuf, String> {
    if text.contains('?') {
        return Err("SQLite URLs take no parameters (a ? in a file name must be written %3F)".into());
    }
    match decoded(text, "path")?.as_str() {
        "" => Err("it names no file".into()),
        ":memory:" => Err("an in-memory store would forget everything at exit; name a file".into()),
        path => Ok(PathBuf::from(path)),
    }
}

/// `text` with `%XX` decoded; a `+` stays a `+`.
fn decoded(text: &str, what: &str) -> Result<String, String> {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let escaped = (bytes[at] == b'%')
            .then(|| text.get(at + 1..at + 3))
            .flatten()
            .and_then(|hex| u8::from_str_radix(hex, 16).ok());
        match escaped {
            Some(byte) => out.push(byte),
            None if bytes[at] == b'%' => return Err(format!("a % in the {what} must be written %25")),
            None => out.push(bytes[at]),
        }
        at += if escaped.is_some() { 3 } else { 1 };
    }
    String::from_utf8(out).map_err(|_| format!("the {what} is not UTF-8 after decoding %XX"))
}

/// The URL for a message about a URL that could not be read: of such a text nothing before the
/// last `@` is known not to be the password, nor anything behind a `?` or `#`.
fn blotted(text: &str) -> String {
    let (scheme, rest) = text.split_once("://").unwrap_or(("", text));
    if scheme == "sqlite" {
        return text.to_owned();
    }
    let known = if ["mysql", "mariadb"].contains(&scheme) {
        scheme
    } else {
        "***"
    };
    match rest.rsplit_once('@') {
        Some((_, tail)) => {
            let end = tail.find(['?', '#']).unwrap_or(tail.len());
            format!("{known}://***@{}", &tail[..end])
        }
        None => format!("{known}://***"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mysql(text: &str) -> MySqlUrl {
        match text.parse() {
            Ok(DatabaseUrl::MySql(url)) => url,
            other => panic!("{text}: {other:?}"),
        }
    }

    fn refusal(text: &str) -> String {
        text.parse::<DatabaseUrl>().expect_err(text).to_string()
    }

    #[test]
    fn sqlite_paths_are_relative_or_absolute() {
        for (text, path) in [
            ("sqlite://paceline.db", "paceline.db"),
            ("sqlite:///var/lib/paceline.db", "/var/lib/paceline.db"),
            ("sqlite://./a%20b.db", "./a b.db"),
        ] {
            match text.parse() {
                Ok(DatabaseUrl::Sqlite(found)) => assert_eq!(found, PathBuf::from(path)),
                other => panic!("{text}: {other:?}"),
            }
        }
        for text in ["sqlite://", "sqlite://:memory:", "sqlite://a.db?mode=ro"] {
            refusal(text);
        }
    }

    #[test]
    fn mysql_parts_are_decoded() {
        let url = mysql("mariadb://us%40er:p%40ss%3Aw%2Frd%23%25+1@db.example:3307/my%20db");
        assert_eq!(url.user, "us@er");
        assert_eq!(url.password.as_deref(), Some("p@ss:w/rd#%+1"));
        assert_eq!((url.host.as_str(), url.port), ("db.example", 3307));
        assert_eq!(url.database, "my db");
        assert_eq!(mysql("mysql://u@h/d").port, 3306);
        assert_eq!(mysql("mysql://u@[::1]:3306/d").to_string(), "mysql://u@[::1]:3306/d");
    }

    #[test]
    fn no_form_of_a_url_shows_its_password() {
        let url: DatabaseUrl = "mysql://u:s3cret@h/d".parse().expect("a URL");
        assert_eq!(url.to_string(), "mysql://u@h:3306/d");
        assert!(!format!("{url:?} {url:#?}").contains("s3cret"));
        for text in [
            "mysql://u:s3cret@h/",
            "mysql://u:s3cret@h:port/d",
            "mysql://u:s3cret@h/d?nonsense=s3cret",
            "mysql://u:s3cret@h/d?ssl-mode=s3cret",
            "mysql://u:s3cret@h/d?require_ssl=s3cret",
            "mysql://u:s3cret#x@h/d",
            "mysql://u:1#s3cret",
            "mysql://u:s3cret",
            "mysql://u:s3cret%zz@h/d",
            "mysql://u:1/s3cret@h/d",
            "mysql://u:1?s3cret@h/d",
            "postgres://u:s3cret@h/d",
            "u:s3cret",
            "s3cret",
        ] {
            let error = text.parse::<DatabaseUrl>().expect_err(text);
            let shown = format!("{error} {error:?} {error:#?}");
            assert!(!shown.contains("s3cret"), "{text}: {shown}");
        }
    }

    #[test]
    fn a_masked_url_keeps_no_secret_and_stays_as_it_is_where_there_is_none() {
        let masked = DatabaseUrl::masked;
        assert_eq!(
            masked("mysql://u:s3cret@h:1/d?x=1").as_deref(),
            Some("mysql://***@h:1/d")
        );
        assert_eq!(masked("mysql://u:s3cret").as_deref(), Some("mysql://***"));
        assert_eq!(masked("mysql://u@h/d"), None);
        assert_eq!(masked("sqlite://a.db"), None);
        assert_eq!(masked("sqlite://"), None);
        let again = masked("u:s3cret@h").expect("masked");
        assert_eq!(masked(&again), None, "{again} would be masked for ever");
    }

    #[test]
    fn what_stays_on_this_machine_is_known() {
        for (text, local) in [
            ("sqlite://a.db", true),
            ("mysql://u@127.0.0.1/d", true),
            ("mysql://u@localhost/d", true),
            ("mysql://u@[::1]/d", true),
            ("mysql://u@db.example/d", false),
            ("mysql://u@10.0.0.7/d", false),
        ] {
            assert_eq!(text.parse::<DatabaseUrl>().expect(text).is_local(), local, "{text}");
        }
    }

    #[test]
    fn tls_is_what_the_url_asks_for() {
        assert!(mysql("mysql://u@h/d").tls().is_none());
        let verified = mysql("mysql://u@h/d?ssl-mode=verify_identity&ssl-ca=/ca.pem");
        assert_eq!(verified.tls(), Some(TlsMode::VerifyIdentity));
        let options: mysql_async::Opts = verified.driver_options().into();
        let tls = options.ssl_opts().expect("TLS");
        assert!(!tls.accept_invalid_certs() && !tls.skip_domain_validation() && tls.disable_built_in_roots());
        let required: mysql_async::Opts = mysql("mysql://u@h/d?ssl_mode=REQUIRED").driver_options().into();
        assert!(required.ssl_opts().expect("TLS").accept_invalid_certs());
        let own: mysql_async::Opts = mysql("mysql://u@h/d?require_ssl=true&verify_identity=false")
            .driver_options()
            .into();
        assert!(own.ssl_opts().expect("TLS").skip_domain_validation());
        assert_eq!(mysql("mysql://u@h/d?ssl-ca=/ca.pem").tls(), Some(TlsMode::VerifyCa));
        let plain: mysql_async::Opts = mysql("mysql://u@h/d?ssl-mode=DISABLED").driver_options().into();
        assert!(plain.ssl_opts().is_none());
        refusal("mysql://u@h/d?ssl-mode=DISABLED&ssl-ca=/ca.pem");
        refusal("mysql://u@h/d?ssl-mode=REQUIRED&require_ssl=true");
    }

    #[test]
    fn unknown_and_reserved_parameters_are_named() {
        assert!(refusal("mysql://u@h/d?sslmode=require").contains("'sslmode'"));
        assert!(refusal("mysql://u@h/d?client_found_rows=false").contains("'client_found_rows'"));
        assert!(refusal("mysql://u@h/d?tcp_nodelay=perhaps").contains("'tcp_nodelay'"));
        assert!(refusal("mysql://u@h/d?charset=latin1").contains("utf8mb4"));
        mysql("mysql://u@h/d?charset=utf8mb4&tcp_nodelay=true");
    }
}
