//! The window's TypeScript types are those of the commands. `LECTERN_WRITE_BINDINGS=1` writes them anew.

use specta_typescript::Typescript;

#[test]
fn the_committed_bindings_are_current() {
    let committed = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../ui/src/bindings.ts");
    let folder = std::env::temp_dir().join(format!("lectern-bindings-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("the temporary folder can be made");
    let fresh = folder.join("bindings.ts");
    let header = "// Written by src-tauri/tests/bindings.rs; do not edit.\n// @ts-nocheck\n";
    lectern_app::bindings().export(Typescript::default().header(header), &fresh).expect("every type can be exported");
    let fresh = std::fs::read_to_string(fresh).expect("it was written just now");
    if std::env::var_os("LECTERN_WRITE_BINDINGS").is_some() {
        std::fs::write(&committed, &fresh).expect("ui/src can be written");
    }
    let kept = std::fs::read_to_string(&committed).unwrap_or_default();
    assert!(
        kept == fresh,
        "ui/src/bindings.ts is stale: run LECTERN_WRITE_BINDINGS=1 cargo test -p lectern-app --test bindings"
    );
}
