//! `docs/schema.md` has every table and column that there is, and no other; its queries run unchanged on both stores.
//!
//! What a column means is written by hand in the page; types, indexes, foreign keys and triggers are read from migrated
//! stores and put around it.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use paceline::db::statement::Dialect;

use super::compare::steady;
use super::page::blocks;
use super::{held_against, root};
use crate::support::cli::on_both_stores as on_both;
use crate::support::{TestStore, block_on, connect, on_both_stores};

/// Where a table that has no section yet is put.
const QUERIES: &str = "## Queries worth knowing";

const COLUMNS_MYSQL: &str = "SELECT table_name, column_name, column_type, is_nullable, COALESCE(column_default, 'NULL'), extra \
    FROM information_schema.columns WHERE table_schema = DATABASE() ORDER BY table_name, ordinal_position";
const COLUMNS_SQLITE: &str = "SELECT m.name, p.name, p.type, CASE WHEN p.\"notnull\" = 1 THEN 'NO' ELSE 'YES' END, \
    COALESCE(p.dflt_value, 'NULL'), '' \
    FROM sqlite_schema m, pragma_table_info(m.name) p \
    WHERE m.type = 'table' AND m.name <> 'sqlite_sequence' ORDER BY m.name, p.cid";
const INDEXES_MYSQL: &str = "SELECT table_name, index_name, MIN(non_unique), \
    GROUP_CONCAT(column_name ORDER BY seq_in_index SEPARATOR ', ') FROM information_schema.statistics \
    WHERE table_schema = DATABASE() GROUP BY table_name, index_name ORDER BY table_name, index_name <> 'PRIMARY', index_name";
const INDEXES_SQLITE: &str = "SELECT tbl_name, name FROM sqlite_schema \
    WHERE type = 'index' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' ORDER BY tbl_name, name";
const PARENTS_MYSQL: &str = "SELECT k.table_name, k.column_name, k.referenced_table_name, k.referenced_column_name, r.delete_rule \
    FROM information_schema.key_column_usage k JOIN information_schema.referential_constraints r \
    ON r.constraint_schema = k.constraint_schema AND r.constraint_name = k.constraint_name AND r.table_name = k.table_name \
    WHERE k.table_schema = DATABASE() AND k.referenced_table_name IS NOT NULL ORDER BY k.table_name, k.column_name";
const TRIGGERS_MYSQL: &str = "SELECT event_object_table, trigger_name, event_manipulation FROM information_schema.triggers \
    WHERE trigger_schema = DATABASE() ORDER BY event_object_table, event_manipulation DESC";
const TRIGGERS_SQLITE: &str = "SELECT tbl_name, name FROM sqlite_schema WHERE type = 'trigger' ORDER BY tbl_name, name";

/// What a store says of itself.
#[derive(Debug, Default)]
struct Catalog {
    /// Of each table the columns in order, with their types.
    columns: BTreeMap<String, Vec<(String, String)>>,
    /// A line for each index, its name first.
    indexes: BTreeMap<String, Vec<(String, String)>>,
    parents: BTreeMap<String, Vec<String>>,
    triggers: BTreeMap<String, Vec<(String, String)>>,
}

fn type_of(row: &[String]) -> String {
    let mut words = row[2].clone();
    // The width of what is printed, which says nothing of what fits; tinyint(1) is how a truth value is told.
    for integer in ["bigint", "int", "tinyint"] {
        if words.starts_with(&format!("{integer}(")) && words != "tinyint(1)" {
            words = integer.to_owned();
        }
    }
    let mut words = words.replace("','", "', '");
    if row[3] == "NO" {
        words.push_str(" not null");
    }
    if row[4] != "NULL" {
        let _ = write!(words, " default {}", row[4]);
    }
    if row[5].contains("auto_increment") {
        words.push_str(" auto_increment");
    }
    if row[5].contains("GENERATED") {
        words.push_str(" generated");
    }
    words
}

async fn catalog(store: &TestStore) -> Catalog {
    let mut found = Catalog::default();
    let is_server = store.dialect == Dialect::MySql;
    let columns = if is_server { COLUMNS_MYSQL } else { COLUMNS_SQLITE };
    for row in store.rows(columns).await {
        let column = (row[1].clone(), type_of(&row));
        found.columns.entry(row[0].clone()).or_default().push(column);
    }
    for row in store.rows(if is_server { INDEXES_MYSQL } else { INDEXES_SQLITE }).await {
        let text = match (row.get(2).map(String::as_str), row.get(3)) {
            (Some(_), Some(columns)) if row[1] == "PRIMARY" => format!("primary key ({columns})"),
            (Some("0"), Some(columns)) => format!("`{}` unique ({columns})", row[1]),
            (Some(_), Some(columns)) => format!("`{}` ({columns})", row[1]),
            _ => String::new(),
        };
        found
            .indexes
            .entry(row[0].clone())
            .or_default()
            .push((row[1].clone(), text));
    }
    if is_server {
        for row in store.rows(PARENTS_MYSQL).await {
            let text = format!("`{}` is a `{}` of `{}` (ON DELETE {})", row[1], row[3], row[2], row[4]);
            found.parents.entry(row[0].clone()).or_default().push(text);
        }
    }
    for row in store
        .rows(if is_server { TRIGGERS_MYSQL } else { TRIGGERS_SQLITE })
        .await
    {
        let event = row.get(2).cloned().unwrap_or_default();
        found
            .triggers
            .entry(row[0].clone())
            .or_default()
            .push((row[1].clone(), event));
    }
    found
}

/// The catalogs of a server and of SQLite, both migrated.
fn catalogs() -> (Catalog, Catalog) {
    let found = std::sync::Mutex::new(Vec::new());
    on_both_stores(|store| {
        let found = &found;
        async move {
            let catalog = catalog(&store).await;
            found.lock().expect("no panic").push(catalog);
        }
    });
    let mut found = found.into_inner().expect("no panic");
    let server = found.pop().expect("the server's");
    (server, found.pop().expect("SQLite's"))
}

/// The meaning that the page gives to each column of each table.
fn meanings(page: &str) -> BTreeMap<(String, String), String> {
    let mut table = String::new();
    let mut found = BTreeMap::new();
    for line in page.lines() {
        if let Some(name) = line.strip_prefix("<!-- schema: ") {
            table = name.trim_end_matches(" -->").to_owned();
        }
        let cells: Vec<&str> = line.split(" | ").collect();
        if let (Some(column), true) = (cells[0].strip_prefix("| `"), cells.len() >= 4) {
            let key = (table.clone(), column.trim_end_matches('`').to_owned());
            let meaning = cells[3..].join(" | ");
            found.insert(key, meaning.trim_end_matches('|').trim().to_owned());
        }
    }
    found
}

/// What stands in the page about a table, between its two comments.
fn section(table: &str, server: &Catalog, sqlite: &Catalog, means: &BTreeMap<(String, String), String>) -> String {
    let mut text =
        format!("<!-- schema: {table} -->\n| column | MySQL, MariaDB | SQLite | meaning |\n|---|---|---|---|\n");
    for (column, kind) in &server.columns[table] {
        let there = sqlite.columns[table].iter().find(|(name, _)| name == column);
        let there = there.map_or("none", |(_, kind)| kind.as_str());
        let key = (table.to_owned(), column.clone());
        let meaning = means.get(&key).map_or("", String::as_str);
        let _ = writeln!(text, "| `{column}` | {kind} | {there} | {meaning} |");
    }
    let indexes = server.indexes.get(table).into_iter().flatten();
    let indexes: Vec<&str> = indexes.map(|(_, text)| text.as_str()).collect();
    let _ = writeln!(text, "\nIndexes: {}.", indexes.join("; "));
    if let Some(parents) = server.parents.get(table) {
        let _ = writeln!(text, "Foreign keys: {}.", parents.join("; "));
    }
    if let Some(triggers) = server.triggers.get(table) {
        let of_one = |(name, event): &(String, String)| format!("`{name}` refuses {event}");
        let triggers: Vec<String> = triggers.iter().map(of_one).collect();
        let _ = writeln!(text, "Triggers: {}.", triggers.join("; "));
    }
    let _ = write!(text, "<!-- end of {table} -->");
    text
}

/// The page with everything that the stores say put in its places.
fn generated(page: &str, server: &Catalog, sqlite: &Catalog) -> String {
    let means = meanings(page);
    let mut text = String::new();
    let mut skipping = None;
    let mut left: Vec<&String> = server.columns.keys().collect();
    for line in page.lines() {
        if let Some(end) = &skipping {
            if line == end {
                skipping = None;
            }
            continue;
        }
        if let Some(table) = line
            .strip_prefix("<!-- schema: ")
            .and_then(|rest| rest.strip_suffix(" -->"))
        {
            skipping = Some(format!("<!-- end of {table} -->"));
            // A table that is gone loses its section.
            if server.columns.contains_key(table) {
                let _ = writeln!(text, "{}", section(table, server, sqlite, &means));
            }
            left.retain(|name| *name != table);
            continue;
        }
        if line == QUERIES {
            for table in &left {
                let _ = writeln!(text, "### {table}\n\n{}\n", section(table, server, sqlite, &means));
            }
        }
        let _ = writeln!(text, "{line}");
    }
    text
}

#[test]
fn the_page_has_every_table_and_column_that_there_is_and_no_other() {
    let (server, sqlite) = catalogs();
    let names = |catalog: &Catalog| catalog.columns.keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(&server), names(&sqlite));
    let path = root().join("docs/schema.md");
    let page = std::fs::read_to_string(&path).expect("the page");
    let whole = generated(&page, &server, &sqlite);
    held_against(&path, &whole, "docs::schema");
    let unsaid: Vec<String> = meanings(&whole)
        .into_iter()
        .filter(|(_, meaning)| meaning.is_empty())
        .map(|((table, column), _)| format!("{table}.{column}"))
        .collect();
    assert!(
        unsaid.is_empty(),
        "docs/schema.md does not say what these mean: {unsaid:?}"
    );
}

#[test]
fn both_stores_have_the_same_indexes_and_triggers() {
    let (server, sqlite) = catalogs();
    for table in server.columns.keys() {
        let of = |all: &BTreeMap<String, Vec<(String, String)>>| {
            let mut names: Vec<String> = all
                .get(table)
                .into_iter()
                .flatten()
                .map(|(name, _)| name.clone())
                .collect();
            names.retain(|name| name != "PRIMARY");
            names.sort();
            names
        };
        let mut indexes = of(&server.indexes);
        // An index that a server makes for a foreign key by itself has the key's name.
        indexes.retain(|name| !name.starts_with("fk_"));
        assert_eq!(indexes, of(&sqlite.indexes), "{table}");
        assert_eq!(of(&server.triggers), of(&sqlite.triggers), "{table}");
    }
}

#[test]
fn a_column_that_the_page_lacks_or_invents_is_seen() {
    let (server, sqlite) = catalogs();
    let path = root().join("docs/schema.md");
    let page = std::fs::read_to_string(&path).expect("the page");
    let line = page
        .lines()
        .find(|line| line.starts_with("| `fence` |"))
        .expect("a column");
    let lacking = page.replace(&format!("{line}\n"), "");
    assert_ne!(generated(&lacking, &server, &sqlite), lacking);
    let inventing = page.replace(line, &format!("{line}\n{}", line.replace("fence", "hence")));
    assert_ne!(generated(&inventing, &server, &sqlite), inventing);
    let lying = page.replace(line, &line.replace("bigint", "text"));
    assert_ne!(generated(&lying, &server, &sqlite), lying);
    assert!(
        !generated(
            &page.replace("schema: pipeline_lease", "schema: nobody"),
            &server,
            &sqlite
        )
        .contains("nobody")
    );
}

#[test]
fn the_queries_run_unchanged_on_both_stores_and_say_the_same() {
    let queries: Vec<String> = blocks(&root().join("docs/schema.md"))
        .into_iter()
        .filter(|block| block.language == "sql")
        .map(|block| block.text().trim_end().trim_end_matches(';').to_owned())
        .collect();
    assert!(queries.len() >= 8, "{queries:?}");
    let answers = std::cell::RefCell::new(Vec::new());
    on_both(|paceline, _| {
        paceline.ok(&["run", "pipelines/nightly.toml", "--import", "data/workouts_sample.csv"]);
        let say = |id: &str, words: &[&str]| paceline.ok(&[&["feedback", "add", id], words].concat());
        say(
            "649714363550",
            &["--type", "correct", "--label", "pup_walk", "--user", "anna"],
        );
        say("649757783559", &["--type", "accept", "--user", "ben"]);
        let later = paceline.at("2026-01-03T03:00:00Z");
        later.ok(&["run", "pipelines/nightly.toml", "--retrain", "always", "--no-activate"]);
        let all: Vec<Vec<Vec<String>>> = block_on(async {
            let db = connect(paceline.url()).await.expect("connect");
            let mut all = Vec::new();
            for query in &queries {
                let rows = TestStore::rows_of(&db, query).await;
                assert!(!rows.is_empty(), "no row to compare: {query}");
                let steadied = rows.iter().map(|row| row.iter().map(|cell| steady(cell)).collect());
                all.push(steadied.collect());
            }
            db.close().await.expect("close");
            all
        });
        answers.borrow_mut().push(all);
    });
    let answers = answers.into_inner();
    for (at, query) in queries.iter().enumerate() {
        assert_eq!(answers[0][at], answers[1][at], "{query}");
    }
}
