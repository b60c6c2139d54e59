//! The process title: what `ps` shows everybody on the machine.
//!
//! Why: a URL that is given by `--database-url` stands there with its password as long as the process lives, and a
//! scheduler lives for months. A process cannot change its own arguments by safe means; it can begin anew with
//! others. So the very first thing that it does is to replace itself (same process, same terminal, same
//! environment) by itself, with the password blotted out of the arguments and the URL in the environment, which
//! only its owner can read.
//!
//! Invariants: nothing has been done before; arguments that hold no secret are left as they are; of the process
//! that begins anew no argument holds one, so it happens once.
//!
//! Must not know: what the command does.

use std::ffi::OsString;

use anyhow::Result;

use crate::db::url::DatabaseUrl;

/// The flag whose value may hold a password.
const FLAG: &str = "--database-url";
/// The environment variable that carries the value to the process that begins anew.
const BEHIND: &str = "PACELINE_DATABASE_URL_BEHIND_FLAG";

/// Begins anew where an argument holds a password; comes back where none does.
///
/// # Errors
/// Where the system does not allow it: the password stays in the title then.
pub fn hide_password() -> Result<()> {
    let arguments: Vec<OsString> = std::env::args_os().collect();
    match blot(&arguments) {
        Some((blotted, url)) => begin_anew(&blotted, &url),
        None => Ok(()),
    }
}

/// The URL of the flag, as it was given before the process began anew.
pub fn revealed(url: String) -> String {
    let behind = std::env::var(BEHIND).ok();
    // What is left over from somewhere else is not what was given here.
    behind
        .filter(|behind| DatabaseUrl::masked(behind).as_ref() == Some(&url))
        .unwrap_or(url)
}

/// The arguments without secrets, and the last URL that had one, which is the one that counts.
fn blot(arguments: &[OsString]) -> Option<(Vec<OsString>, String)> {
    let mut blotted = arguments.to_vec();
    let mut found = None;
    let mut value_follows = false;
    for argument in blotted.iter_mut().skip(1) {
        let Some(text) = argument.to_str() else {
            value_follows = false;
            continue;
        };
        if text == "--" {
            break;
        }
        let (before, url) = match text.strip_prefix(FLAG).and_then(|rest| rest.strip_prefix('=')) {
            Some(url) => (concat!("--database-url", "="), url),
            None if value_follows => ("", text),
            None => {
                value_follows = text == FLAG;
                continue;
            }
        };
        value_follows = false;
        if let Some(masked) = DatabaseUrl::masked(url) {
            found = Some(url.to_owned());
            *argument = format!("{before}{masked}").into();
        }
    }
    found.map(|url| (blotted, url))
}

#[cfg(unix)]
fn begin_anew(arguments: &[OsString], url: &str) -> Result<()> {
    use std::os::unix::process::CommandExt;

    let (name, rest) = arguments
        .split_first()
        .map_or((None, arguments), |(name, rest)| (Some(name), rest));
    let mut command = std::process::Command::new(std::env::current_exe()?);
    if let Some(name) = name {
        command.arg0(name);
    }
    // Comes back only where it failed.
    let error = command.args(rest).env(BEHIND, url).exec();
    let hint = "the password stays visible in the process title; give the URL in DATABASE_URL instead";
    Err(anyhow::Error::new(error).context(hint))
}

/// Elsewhere a process cannot replace itself; a child in its place would not get its signals.
#[cfg(not(unix))]
fn begin_anew(_arguments: &[OsString], _url: &str) -> Result<()> {
    anyhow::bail!("the password is visible in the process title; give the URL in DATABASE_URL instead")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn blotted(arguments: &[&str]) -> Option<(Vec<String>, String)> {
        let arguments: Vec<OsString> = ["paceline"].iter().chain(arguments).map(OsString::from).collect();
        let (all, url) = blot(&arguments)?;
        let texts = all.into_iter().skip(1).map(|text| text.into_string().expect("UTF-8"));
        Some((texts.collect(), url))
    }

    #[test]
    fn a_password_is_blotted_in_either_form_and_once() {
        let url = "mysql://u:s3cret@h/d";
        for arguments in [
            &["run", "--database-url", url, "p.toml"][..],
            &["--database-url=mysql://u:s3cret@h/d"],
        ] {
            let (shown, found) = blotted(arguments).expect("a password");
            assert_eq!(found, url);
            assert!(!shown.join(" ").contains("s3cret"), "{shown:?}");
            assert_eq!(shown.len(), arguments.len());
            let again: Vec<&str> = shown.iter().map(String::as_str).collect();
            assert_eq!(blotted(&again), None, "{shown:?}");
        }
    }

    #[test]
    fn what_holds_no_password_is_left_alone() {
        for arguments in [
            &["run", "p.toml"][..],
            &["--database-url", "sqlite://a.db"],
            &["--database-url", "mysql://u@h/d"],
            &["feedback", "--", "--database-url", "mysql://u:s3cret@h/d"],
            &["--database-url"],
        ] {
            assert_eq!(blotted(arguments), None, "{arguments:?}");
        }
    }
}
