//! Every relative link leads to a file of the project, and to a heading of it; every page can be reached.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::{pages, root};

/// A page, the target of a link in it, and the line.
struct Link {
    page: PathBuf,
    target: String,
    line: usize,
}

/// Links outside of blocks of code.
fn links(page: &Path) -> Vec<Link> {
    let text = std::fs::read_to_string(page).expect("a page");
    let mut found = Vec::new();
    let mut in_block = false;
    for (at, line) in text.lines().enumerate() {
        in_block ^= line.trim_start().starts_with("```");
        if in_block {
            continue;
        }
        for (start, _) in line.match_indices("](") {
            let target: String = line[start + 2..].chars().take_while(|c| *c != ')').collect();
            if !target.starts_with("http") {
                let page = page.to_owned();
                found.push(Link {
                    page,
                    target,
                    line: at + 1,
                });
            }
        }
    }
    found
}

/// The anchors of a page, as GitHub makes them from its headings.
fn anchors(text: &str) -> BTreeSet<String> {
    let headings = text.lines().filter(|line| line.starts_with('#'));
    let slug = |heading: &str| -> String {
        let words = heading.trim_start_matches('#').trim().to_lowercase();
        let kept = words.chars().filter(|c| c.is_alphanumeric() || " -_".contains(*c));
        kept.map(|c| if c == ' ' { '-' } else { c }).collect()
    };
    headings.map(slug).collect()
}

/// The file of a link.
fn file_of(link: &Link) -> PathBuf {
    let (file, _) = link.target.split_once('#').unwrap_or((&link.target, ""));
    if file.is_empty() {
        return link.page.clone();
    }
    let mut path = link.page.parent().expect("a folder").to_owned();
    for part in file.split('/') {
        match part {
            ".." => assert!(path.pop(), "{}", link.target),
            "." => {}
            part => path.push(part),
        }
    }
    path
}

#[test]
fn every_relative_link_leads_somewhere() {
    let mut wrong = Vec::new();
    let more = ["ARCHITECTURE.md", "data/README.md", "benches/README.md"];
    let all: Vec<PathBuf> = pages().into_iter().chain(more.map(|page| root().join(page))).collect();
    let mut seen = 0;
    for link in all.iter().flat_map(|page| links(page)) {
        seen += 1;
        let at = format!("{}:{}: {}", link.page.display(), link.line, link.target);
        let path = file_of(&link);
        if !path.exists() {
            wrong.push(at);
        } else if let Some((_, anchor)) = link.target.split_once('#') {
            let text = std::fs::read_to_string(&path).expect("a page");
            if !anchors(&text).contains(anchor) {
                wrong.push(format!("{at} (there is no such heading)"));
            }
        }
    }
    assert!(wrong.is_empty(), "links that lead nowhere:\n{}", wrong.join("\n"));
    assert!(seen > 50, "only {seen} links were found");
}

#[test]
fn every_page_can_be_reached_from_the_readme() {
    let mut reached = BTreeSet::from([root().join("README.md")]);
    let mut next: Vec<PathBuf> = reached.iter().cloned().collect();
    while let Some(page) = next.pop() {
        for file in links(&page).iter().map(file_of) {
            let is_page = file.extension().is_some_and(|extension| extension == "md") && file.exists();
            if is_page && reached.insert(file.clone()) {
                next.push(file);
            }
        }
    }
    let lost: Vec<PathBuf> = pages().into_iter().filter(|page| !reached.contains(page)).collect();
    assert!(lost.is_empty(), "no page links to {lost:?}");
}

#[test]
fn headings_become_anchors_as_they_do_where_pages_are_read() {
    let found = anchors("# paceline feedback add\n## What `verify` holds, and `--anchor`\ntext\n### 3.1 A_b: c\n");
    let expected = ["paceline-feedback-add", "what-verify-holds-and---anchor", "31-a_b-c"];
    assert_eq!(found, expected.map(str::to_owned).into());
}
