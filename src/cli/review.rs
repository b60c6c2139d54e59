//! `review`: which workouts to ask a person about, and asking.

use std::io::{self, IsTerminal};
use std::path::PathBuf;

use anyhow::Result;
use clap::Args;
use console::Term;

use crate::app::{Access, App, read_pipeline};
use crate::pipeline::people::Recorded;
use crate::pipeline::prepare::source_window;
use crate::pipeline::review::{Given, Outlook, ReviewQueue, Reviewer, Scope, Word, outlook, review_queue};
use crate::pipeline::session::{Desk, Key, Session, Summary, Told};
use crate::pipeline::{Kind, RunError};
use crate::scheduler::Signal;
use crate::stage::decide::ReusePolicy;
use crate::stage::features::Activities;
use crate::stage::feedback::DEFAULT_CERTAINTY;
use crate::stage::review::{Item, Neighbour};
use crate::store::Store;
use crate::store::workouts::Window;
use crate::vocab::{FeedbackType, Label};

use super::exit;
use super::output::{Output, Rows, list, number, page, printable};

/// The keys, as a line.
const KEYS: &str = "[a or Enter] accept  [r] real_run  [w] pup_walk  [m] mixed  [o] outlier  [?] cannot say  [s] skip  \
                    [u] undo  [q] quit";

/// `paceline review`.
#[derive(Debug, Args)]
pub struct ReviewArgs {
    /// At most so many workouts.
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..))]
    limit: u64,
    /// A pipeline file, for its activities, its dates and when it retrains; default: everything on foot.
    #[arg(long, value_name = "PIPELINE.toml")]
    pipeline: Option<PathBuf>,
    /// Asks in the terminal, one key a workout, and records each answer at once.
    #[arg(short, long)]
    interactive: bool,
    /// Your name, which is kept with the answers.
    #[arg(long, default_value = "user", requires = "interactive")]
    user: String,
    /// How sure the answers are, 1 (a guess) to 5 (sure); a surer answer teaches more.
    #[arg(long, default_value_t = DEFAULT_CERTAINTY, value_parser = clap::value_parser!(u8).range(1..=5), requires = "interactive")]
    certainty: u8,
}

/// Shows the queue, or asks.
pub async fn review(app: &App, args: &ReviewArgs, output: Output) -> Result<()> {
    if args.interactive {
        needs_a_terminal(output)?;
    }
    let (scope, policy) = scope_of(args)?;
    let store = app.store(Access::Read).await?;
    let queue = review_queue(&store, &scope, &app.ambient()?).await?;
    if args.interactive && !queue.items.is_empty() {
        return interactive(app, &store, &queue, args, &policy).await;
    }
    show(&queue, output)
}

fn scope_of(args: &ReviewArgs) -> Result<(Scope, ReusePolicy)> {
    let limit = usize::try_from(args.limit).unwrap_or(usize::MAX);
    let Some(path) = &args.pipeline else {
        let (activities, window) = (Activities::default(), Window::default());
        let scope = Scope {
            activities,
            window,
            limit,
        };
        return Ok((scope, ReusePolicy::default()));
    };
    let pipeline = read_pipeline(path)?;
    let window = source_window(&pipeline);
    let scope = Scope {
        activities: pipeline.activities,
        window,
        limit,
    };
    Ok((scope, pipeline.reuse))
}

/// Both ways of the terminal: keys come in, workouts go out.
fn needs_a_terminal(output: Output) -> Result<()> {
    if output != Output::Table {
        return Err(exit::usage("--interactive asks a person; leave --output away"));
    }
    if io::stdin().is_terminal() && io::stdout().is_terminal() {
        return Ok(());
    }
    let hint = "write the answers into a file and give it to `paceline feedback import FILE.csv` \
                (workout_id, type, label), or answer one: `paceline feedback add WORKOUT_ID --type accept`";
    Err(RunError::new(
        "review",
        Kind::Data,
        "--interactive needs a terminal, and this is none",
        hint,
    )
    .into())
}

fn show(queue: &ReviewQueue, output: Output) -> Result<()> {
    if output != Output::Table {
        return list(&queue.items, &rows_of(&queue.items), "", output);
    }
    let mut text = String::new();
    for (index, item) in queue.items.iter().enumerate() {
        text.push_str(&format!(
            "{:>3}  {}\n\n",
            index + 1,
            item_text(item).replace('\n', "\n     ")
        ));
    }
    text.push_str(&match queue.items.first() {
        None => "Nothing to ask: people have judged every workout on which the model has spoken.\n".to_owned(),
        Some(item) => format!(
            "answer one   paceline feedback add {} --type correct --label {}\nor by keys   paceline review --interactive\n",
            printable(&item.workout_id),
            other(item.classification)
        ),
    });
    text.push_str(&unclassified(queue));
    page(&text)
}

fn unclassified(queue: &ReviewQueue) -> String {
    match queue.unclassified {
        0 => String::new(),
        n => format!("{n} workouts have no verdict yet and are not asked about: `paceline run PIPELINE.toml`\n"),
    }
}

/// What a correction would most likely say.
fn other(label: Label) -> Label {
    if label == Label::RealRun {
        Label::PupWalk
    } else {
        Label::RealRun
    }
}

fn item_text(item: &Item) -> String {
    let mixed = item
        .posterior
        .mixed
        .map(|m| format!(", mixed {m:.3}"))
        .unwrap_or_default();
    format!(
        "{}  {}  pace {} min/mi, {} mi, {} min\n{}  confidence {:.3}  (real_run {:.3}{mixed}, pup_walk {:.3})\nwhy      {}\nnearest  {}",
        item.workout_id,
        item.workout_date,
        number(item.avg_pace, 2),
        number(item.distance_mi, 2),
        number(item.duration_min, 1),
        item.classification,
        item.confidence,
        item.posterior.real_run,
        item.posterior.pup_walk,
        item.reason,
        neighbours(&item.neighbours)
    )
}

fn neighbours(neighbours: &[Neighbour]) -> String {
    if neighbours.is_empty() {
        return "there is no other workout".to_owned();
    }
    let one = |n: &Neighbour| {
        let who = if n.by_person { " (a person's word)" } else { "" };
        format!("{} {:.2} away{who}", n.label, n.distance)
    };
    neighbours.iter().map(one).collect::<Vec<_>>().join(", ")
}

/// For CSV: numbers exact.
fn rows_of(items: &[Item]) -> Rows {
    let mut rows = Rows::new(&[
        "workout_id",
        "workout_date",
        "avg_pace",
        "distance_mi",
        "duration_min",
        "classification",
        "confidence",
        "posterior_real_run",
        "posterior_mixed",
        "posterior_pup_walk",
        "reason",
        "neighbours",
    ]);
    let exact = |x: Option<f64>| x.map(|x| x.to_string()).unwrap_or_default();
    for item in items {
        let like = item.neighbours.iter().map(|n| format!("{} {}", n.workout_id, n.label));
        rows.push(vec![
            item.workout_id.clone(),
            item.workout_date.to_string(),
            exact(item.avg_pace),
            exact(item.distance_mi),
            exact(item.duration_min),
            item.classification.to_string(),
            item.confidence.to_string(),
            item.posterior.real_run.to_string(),
            exact(item.posterior.mixed),
            item.posterior.pup_walk.to_string(),
            item.reason.to_string(),
            like.collect::<Vec<_>>().join("; "),
        ]);
    }
    rows
}

async fn interactive(
    app: &App,
    store: &Store,
    queue: &ReviewQueue,
    args: &ReviewArgs,
    policy: &ReusePolicy,
) -> Result<()> {
    let reviewer = Reviewer {
        user: args.user.clone(),
        certainty: args.certainty,
    };
    let ambient = app.ambient()?;
    let mut desk = Terminal {
        term: Term::stdout(),
        interrupted: false,
    };
    let mut session = Session::new(store, &queue.items, &reviewer, &ambient);
    let walked = session.walk(&mut desk).await;
    page(&summary_text(&session.summary()))?;
    walked?;
    page(&outlook_text(outlook(store, policy).await?))?;
    if desk.interrupted {
        return Err(exit::stopped(Signal::Interrupt));
    }
    Ok(())
}

fn summary_text(summary: &Summary) -> String {
    let Summary {
        accepted,
        corrected,
        uncertain,
        skipped,
        left,
    } = summary;
    format!("\n{accepted} accepted, {corrected} corrected, {uncertain} cannot say, {skipped} skipped, {left} left.")
}

fn outlook_text(outlook: Outlook) -> String {
    let Outlook { waiting, threshold } = outlook;
    let learn = "`paceline run PIPELINE.toml --retrain always` learns at once";
    match threshold.map(|threshold| threshold.saturating_sub(waiting)) {
        None => format!("Corrections that wait to be learnt: {waiting}; {learn}."),
        Some(0) => format!("Corrections that wait to be learnt: {waiting}; the next run retrains."),
        Some(1) => format!("1 more correction starts a retraining (retrain.feedback_threshold); {learn}."),
        Some(n) => format!("{n} more corrections start a retraining (retrain.feedback_threshold); {learn}."),
    }
}

/// A person at a terminal.
struct Terminal {
    term: Term,
    interrupted: bool,
}

impl Terminal {
    fn write(&self, text: &str) -> io::Result<()> {
        text.lines().try_for_each(|line| self.term.write_line(&printable(line)))
    }

    /// The next key that means something.
    fn key(&mut self) -> io::Result<Key> {
        loop {
            let key = match self.term.read_key_raw() {
                Ok(key) => key,
                // The other side has hung up: every answer is recorded, and nobody is left to ask.
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(Key::Quit),
                Err(error) => return Err(error),
            };
            if key == console::Key::CtrlC {
                self.interrupted = true;
                return Ok(Key::Quit);
            }
            match meaning(&key) {
                Some(key) => return Ok(key),
                None => self.write(KEYS)?,
            }
        }
    }
}

fn meaning(key: &console::Key) -> Option<Key> {
    let letter = match key {
        console::Key::Enter => return Some(Key::Say(Word::Accept)),
        console::Key::Escape => return Some(Key::Quit),
        console::Key::Backspace => return Some(Key::Undo),
        console::Key::Char(letter) => letter.to_ascii_lowercase(),
        _ => return None,
    };
    Some(match letter {
        // Control-D: the end of what is typed.
        '\u{4}' => Key::Quit,
        'a' => Key::Say(Word::Accept),
        'r' => Key::Say(Word::Is(Label::RealRun)),
        'w' => Key::Say(Word::Is(Label::PupWalk)),
        'm' => Key::Say(Word::Is(Label::Mixed)),
        'o' => Key::Say(Word::Is(Label::Outlier)),
        '?' => Key::Say(Word::Uncertain),
        's' => Key::Skip,
        'u' => Key::Undo,
        'q' => Key::Quit,
        _ => return None,
    })
}

impl Desk for Terminal {
    fn ask(&mut self, item: &Item, at: usize, of: usize) -> io::Result<Key> {
        if at == 1 {
            self.write(KEYS)?;
        }
        self.write(&format!("\n{at} of {of}  {}", item_text(item)))?;
        self.key()
    }

    fn ask_for_the_end(&mut self) -> io::Result<Key> {
        self.write("\nThat was the last. [u] takes it back, any other key ends.")?;
        match self.term.read_key_raw() {
            Ok(key) => Ok(meaning(&key).unwrap_or(Key::Quit)),
            Err(_) => Ok(Key::Quit),
        }
    }

    fn tell(&mut self, told: &Told<'_>) -> io::Result<()> {
        self.write(&told_text(told))
    }
}

fn told_text(told: &Told<'_>) -> String {
    match told {
        Told::Recorded(given) => recorded(given),
        Told::Skipped => "-> skipped".to_owned(),
        Told::TakenBack(Some(given)) => format!("<- taken back: the answer on {}", given.workout_id),
        Told::TakenBack(None) => "<- back to the one that was skipped".to_owned(),
        Told::NothingToUndo => "There is nothing to take back.".to_owned(),
        Told::Refused(error) => format!("Not recorded: {error}"),
    }
}

fn recorded(given: &Given) -> String {
    let label = given.label.map(|label| label.to_string()).unwrap_or_default();
    match (&given.recorded, given.feedback_type) {
        (Recorded::Already, _) => "-> said before; nothing was written".to_owned(),
        (Recorded::Overridden { from, .. }, _) => format!("-> {label} from now on (before: {from})"),
        (Recorded::Kept, FeedbackType::Accept) => format!("-> accepted: {label}"),
        (Recorded::Kept, _) => "-> kept: cannot say".to_owned(),
    }
}
