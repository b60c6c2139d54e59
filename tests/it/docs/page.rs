//! A page of Markdown as a reader follows it: its blocks of code in order, with what stands before each in comments.
//!
//! What a comment (`<!-- KEY: VALUE -->` on lines of its own) may say to the test, and readers do not see:
//!
//! - `not run: REASON`: the next block cannot be executed here. How many there are is pinned.
//! - `given: COMMANDS`: done in silence before the next block: what a reader has already, or a fault to recover from.
//! - `file: PATH`: the next block is what stands in that file, which is written.
//! - `ends: SIGTERM after N s`: the commands of the next block stay until they are told to end, with code 143.

use std::path::Path;

/// What comments may say.
const KEYS: [&str; 4] = ["not run", "given", "file", "ends"];

/// A fenced block.
#[derive(Debug, Clone)]
pub struct Block {
    /// Line of its fence in the page, from 1.
    pub line: usize,
    /// What stands behind the fence.
    pub language: String,
    /// Its lines.
    pub lines: Vec<String>,
    /// Key and value of each comment since the block before.
    pub notes: Vec<(String, String)>,
}

/// A command of a `console` block and the lines below it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// What is typed.
    pub command: String,
    /// What is shown; nothing where the page does not show it.
    pub shown: Vec<String>,
}

impl Block {
    /// The value of the first comment of that key.
    pub fn note(&self, key: &str) -> Option<&str> {
        self.notes
            .iter()
            .find(|(of, _)| of == key)
            .map(|(_, value)| value.as_str())
    }

    /// Its text, with a line feed behind each line.
    pub fn text(&self) -> String {
        self.lines.iter().map(|line| format!("{line}\n")).collect()
    }

    /// The commands of a `console` block in order. A line that ends in a backslash goes on in the next.
    pub fn steps(&self) -> Vec<Step> {
        let mut steps: Vec<Step> = Vec::new();
        let mut goes_on = false;
        for line in &self.lines {
            if let Some(step) = steps.last_mut().filter(|_| goes_on) {
                step.command = format!("{}\n{line}", step.command);
                goes_on = line.ends_with('\\');
            } else if let Some(command) = line.strip_prefix("$ ") {
                goes_on = command.ends_with('\\');
                let command = command.to_owned();
                steps.push(Step {
                    command,
                    shown: Vec::new(),
                });
            } else if let Some(step) = steps.last_mut() {
                step.shown.push(line.clone());
            } else {
                panic!(
                    "line {}: a console block begins with `$ `, not with {line:?}",
                    self.line
                );
            }
        }
        steps
    }
}

/// The commands of a text's `console` blocks in order, for a test that types them in a scene of its own. What comments
/// say is left to it.
pub fn steps(text: &str) -> Vec<Step> {
    let blocks = parse(text);
    let typed = blocks.iter().filter(|block| block.language == "console");
    typed.flat_map(Block::steps).collect()
}

/// The blocks of a page.
pub fn blocks(path: &Path) -> Vec<Block> {
    let text = std::fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    parse(&text)
}

/// The blocks of a text.
pub fn parse(text: &str) -> Vec<Block> {
    let mut blocks = Vec::new();
    let mut notes = Vec::new();
    let mut lines = text.lines().enumerate();
    while let Some((at, line)) = lines.next() {
        if let Some(start) = line.strip_prefix("<!--") {
            let mut comment = start.to_owned();
            while !comment.contains("-->") {
                let (_, more) = lines.next().expect("a comment that ends");
                comment.push('\n');
                comment.push_str(more);
            }
            notes.extend(note(comment.trim_end().trim_end_matches("-->")));
        } else if let Some(language) = line.trim_start().strip_prefix("```") {
            let indent = line.len() - line.trim_start().len();
            let mut block = Block {
                line: at + 1,
                language: language.to_owned(),
                lines: Vec::new(),
                notes: std::mem::take(&mut notes),
            };
            loop {
                let (_, inside) = lines.next().expect("a fence that is closed");
                if inside.trim() == "```" {
                    break;
                }
                block.lines.push(inside.get(indent..).unwrap_or_default().to_owned());
            }
            blocks.push(block);
        }
    }
    assert!(notes.is_empty(), "comments without a block after them: {notes:?}");
    blocks
}

fn note(comment: &str) -> Option<(String, String)> {
    let (key, value) = comment.split_once(':')?;
    let key = key.trim();
    KEYS.contains(&key).then(|| (key.to_owned(), value.trim().to_owned()))
}

#[test]
fn a_page_falls_apart_into_blocks_steps_and_notes() {
    let page = "# A\n<!-- just a remark -->\n```console\n$ one \\\n  two\nout\n...\n$ three\n```\n\
                <!-- given: echo a\necho b -->\n<!-- not run: no reason -->\n1. x\n\n   ```sh\n   echo\n     more\n   ```\n";
    let blocks = parse(page);
    assert_eq!(blocks.len(), 2);
    let step = |command: &str, shown: &[&str]| Step {
        command: command.to_owned(),
        shown: shown.iter().map(|line| (*line).to_owned()).collect(),
    };
    assert_eq!(
        blocks[0].steps(),
        [step("one \\\n  two", &["out", "..."]), step("three", &[])]
    );
    assert_eq!((blocks[0].line, blocks[0].notes.len()), (3, 0));
    assert_eq!(blocks[1].note("given"), Some("echo a\necho b"));
    assert_eq!(blocks[1].note("not run"), Some("no reason"));
    assert_eq!(blocks[1].text(), "echo\n  more\n");
    assert_eq!(steps(page), blocks[0].steps());
}
