//! Is what was printed what the page shows, but for what differs from run to run.

/// A line without ids, instants, sums of bytes and widths of columns.
pub fn steady(line: &str) -> String {
    let words: Vec<String> = line.split_whitespace().map(word).collect();
    let mut kept: Vec<String> = Vec::new();
    for word in words {
        // A time of the day belongs to the date before it, and a weekday before a date to that.
        let belongs = kept.last().is_some_and(|last| last.ends_with("TIME")) && is_clock(&word);
        let day = word == "TIME" && kept.last().is_some_and(|last| WEEKDAYS.contains(&last.as_str()));
        if day {
            kept.pop();
        }
        if !belongs {
            kept.push(word);
        }
    }
    kept.join(" ")
}

const WEEKDAYS: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];

/// The first year that is the reader's own; workouts of the sample data are older.
const THIS_YEAR: u32 = 2026;

fn word(word: &str) -> String {
    let mut text = String::new();
    let mut rest = word;
    while !rest.is_empty() {
        let (length, stands_for) = [
            id(rest, "workout_classifier_", "MODEL"),
            id(rest, "run_2", "RUN"),
            instant(rest),
            hex(rest),
        ]
        .into_iter()
        .flatten()
        .next()
        .map_or((0, ""), |found| found);
        if length > 0 {
            text.push_str(stands_for);
            rest = &rest[length..];
        } else {
            // A whole run of letters and digits, so that nothing is looked for in the middle of a word.
            let end = rest
                .find(|c: char| !c.is_ascii_alphanumeric())
                .map_or(rest.len(), |at| at.max(rest.chars().next().map_or(1, char::len_utf8)));
            text.push_str(&rest[..end]);
            rest = &rest[end..];
        }
    }
    text
}

fn id(text: &str, prefix: &str, stands_for: &'static str) -> Option<(usize, &'static str)> {
    let rest = text.strip_prefix(prefix)?;
    let end = rest.find(|c: char| !c.is_ascii_hexdigit() && c != '_');
    let length = end.unwrap_or(rest.len());
    (length > 8).then_some((prefix.len() + length, stands_for))
}

/// `2026-01-02`, `2026-01-02T03:04:05.678901Z`.
fn instant(text: &str) -> Option<(usize, &'static str)> {
    let mut shape = text.get(..10)?.bytes().enumerate();
    let fits = |(at, c): (usize, u8)| {
        if at == 4 || at == 7 {
            c == b'-'
        } else {
            c.is_ascii_digit()
        }
    };
    let is_date = shape.all(fits);
    let year: u32 = text.get(..4)?.parse().ok()?;
    if !is_date || year < THIS_YEAR {
        return None;
    }
    let clock = text[10..].strip_prefix('T').map_or(0, |clock| {
        let end = clock.find(|c: char| !c.is_ascii_digit() && !":.Z".contains(c));
        1 + end.unwrap_or(clock.len())
    });
    Some((10 + clock, "TIME"))
}

/// A hash, or what else has sixteen digits of base sixteen, letters among them.
fn hex(text: &str) -> Option<(usize, &'static str)> {
    let end = text.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(text.len());
    let run = &text[..end];
    let is_hex = run.bytes().all(|c| c.is_ascii_digit() || (b'a'..=b'f').contains(&c));
    (end >= 16 && is_hex && run.bytes().any(|c| c.is_ascii_alphabetic())).then_some((end, "HEX"))
}

/// `02:30:00`, `02:30:00.123456`, also with a bracket or a comma behind it.
fn is_clock(word: &str) -> bool {
    let word = word.trim_end_matches([',', ')', ':']);
    let digits = word.bytes().filter(u8::is_ascii_digit).count();
    word.len() >= 8
        && digits >= 6
        && word.bytes().all(|c| c.is_ascii_digit() || b":.Z".contains(&c))
        && word.contains(':')
}

/// None where the page shows what was printed; `...` stands for any lines. Else both, steadied.
pub fn difference(shown: &[String], printed: &str) -> Option<String> {
    let lines = |lines: &mut dyn Iterator<Item = &str>| -> Vec<String> {
        lines.map(steady).filter(|line| !line.is_empty()).collect()
    };
    let expected = lines(&mut shown.iter().map(String::as_str));
    let found = lines(&mut printed.lines());
    if holds(&expected, &found) {
        return None;
    }
    Some(format!(
        "the page shows\n    {}\nand the program prints\n{printed}",
        shown.join("\n    ")
    ))
}

fn holds(expected: &[String], found: &[String]) -> bool {
    match expected.split_first() {
        None => found.is_empty(),
        Some((any, rest)) if any == "..." => (0..=found.len()).any(|skipped| holds(rest, &found[skipped..])),
        Some((line, rest)) => found.first() == Some(line) && holds(rest, &found[1..]),
    }
}

#[test]
fn ids_times_and_hashes_are_steadied_and_nothing_else() {
    for (line, steadied) in [
        (
            "Model     workout_classifier_20261123_020337  version 1.0.0",
            "Model MODEL version 1.0.0",
        ),
        ("Run run_20261123_020337_00614f1f succeeded", "Run RUN succeeded"),
        ("at 2026-01-02 03:04:05.678901, by anna", "at TIME by anna"),
        ("\"at\": \"2026-01-02T03:04:05Z\",", "\"at\": \"TIME\","),
        (
            "nightly  2026-11-24 02:30:00  Tue 2026-11-24 02:30:00 UTC",
            "nightly TIME TIME UTC",
        ),
        (
            "649714363550  2012-03-08 00:00:00  Run",
            "649714363550 2012-03-08 00:00:00 Run",
        ),
        (
            "head 0f343b0931126a20f133d67c2b018a3b0f343b0931126a20f133d67c2b018a3b",
            "head HEX",
        ),
        ("2,996 new, 1.5 % (é)", "2,996 new, 1.5 % (é)"),
        ("run_20, rerun_2026", "run_20, rerun_2026"),
    ] {
        assert_eq!(steady(line), steadied);
    }
}

#[test]
fn dots_stand_for_any_lines_and_everything_else_for_itself() {
    let holds = |shown: &str, printed: &str| {
        let shown: Vec<String> = shown.lines().map(str::to_owned).collect();
        difference(&shown, printed).is_none()
    };
    assert!(holds("a\n\nb", "a\nb\n"));
    assert!(holds("...\nb\n...", "a\nb\nc\nd"));
    assert!(holds("a\n...", "a"));
    assert!(!holds("a", "a\nb"));
    assert!(!holds("a\n...\nc", "a\nc\nb"));
    assert!(!holds("b", "a\nb"));
}
