//! The database layer, on both stores.
mod smoke {
    use crate::support::*;
    #[test]
    fn migrates() {
        on_both_stores(|store| async move {
            let again = store.db.migrate(now()).await.expect("again");
            assert!(again.applied.is_empty());
            for t in &again.tables {
                eprintln!("{t:?}");
            }
            eprintln!("{:?}", store.rows("SELECT * FROM paceline_migrations").await);
        });
    }
}
