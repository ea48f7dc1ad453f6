//! A call of each function of the C header, written from its declaration: a function that is new is fuzzed from then on.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::semicolon_if_nothing_returned,
    reason = "a header that cannot be read stops the build"
)]

use std::{env, fmt::Write, fs, path::Path};

/// They wait for servers or for an agent: they get NULL for everything.
const WAITING: [&str; 17] = [
    "freesmtp_smtp_send",
    "freesmtp_smtp_send_with",
    "freesmtp_smtp_connect",
    "freesmtp_smtp_connect_with",
    "freesmtp_smtp_send_command",
    "freesmtp_smtp_send_command_n",
    "freesmtp_smtp_send_command_with",
    "freesmtp_smtp_send_command_with_n",
    "freesmtp_smtp_send_bulk",
    "freesmtp_smtp_send_bulk_merge",
    "freesmtp_smtp_send_bulk_merge_n",
    "freesmtp_quick_send",
    "freesmtp_check",
    "freesmtp_check_with",
    "freesmtp_spool_wait",
    "freesmtp_spool_events",
    "freesmtp_blast_wait",
];

/// Of each call that is written.
const SAFETY: &str = "// SAFETY: handles are alive, and what is lent is as long as it is said to be: the rules in the header's head.";

/// They give bytes, which are no text.
const BYTES: [&str; 1] = ["freesmtp_message_raw"];

/// They tell what was set in the form that it is used in.
const REWRITTEN: [&str; 1] = ["freesmtp_server_proxy"];

/// What is laid out in the header, as the target has it: it is no handle.
const STRUCTS: [&str; 6] = ["field", "field_n", "timeouts", "check_options", "context", "log_event"];

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    if env::var_os("CARGO_FEATURE_C").is_none() {
        return;
    }
    let header = Path::new(&env::var("CARGO_MANIFEST_DIR").unwrap()).join("../include/freesmtp.h");
    println!("cargo:rerun-if-changed={}", header.display());
    let functions = functions(&fs::read_to_string(header).unwrap());
    assert!(functions.len() > 400, "the header is read wrongly: {} functions", functions.len());
    let out = Path::new(&env::var("OUT_DIR").unwrap()).join("calls.rs");
    fs::write(out, written(&functions)).unwrap();
}

struct Function {
    name: String,
    gives: String,
    /// Type and name of each parameter.
    takes: Vec<(String, String)>,
}

/// The declarations of functions, without comments and types.
fn functions(header: &str) -> Vec<Function> {
    let code: String = header.lines().filter(|line| !line.trim_start().starts_with(['/', '*', '#'])).fold(
        String::new(),
        |mut code, line| {
            code.push_str(line);
            code.push(' ');
            code
        },
    );
    code.split([';', '{', '}']).filter_map(function).collect()
}

fn function(declaration: &str) -> Option<Function> {
    let declaration = declaration.split_whitespace().collect::<Vec<_>>().join(" ");
    let (before, rest) = declaration.split_once('(')?;
    if declaration.starts_with("typedef") {
        return None;
    }
    let (gives, name) = typed(before);
    let takes = rest.strip_suffix(')')?;
    let takes = match takes {
        "void" => Vec::new(),
        // The one type that stands around its name.
        takes => takes
            .replace("(*ids)[27]", "ids_27 *ids")
            .replace("(*id)[27]", "ids_27 *id")
            .split(',')
            .map(typed)
            .collect(),
    };
    name.starts_with("freesmtp_").then_some(Function { name, gives, takes })
}

/// `const char *name` as type and name.
fn typed(text: &str) -> (String, String) {
    let text = text.trim();
    let at = text.rfind([' ', '*']).map_or(0, |at| at + 1);
    let kind = text[..at].replace("struct ", "").split_whitespace().collect::<Vec<_>>().join(" ");
    (kind, text[at..].to_owned())
}

/// What a function lets go of.
fn freed(name: &str) -> Option<&str> {
    name.strip_suffix("_free")?.strip_prefix("freesmtp_")
}

/// The handle that a type points to.
fn handle(kind: &str) -> Option<&str> {
    let name = kind.strip_suffix('*')?.trim().trim_start_matches("const ").strip_prefix("freesmtp_")?;
    (!name.contains(['*', ' ']) && !STRUCTS.contains(&name)).then_some(name)
}

/// What tells whether a call did what it says.
#[derive(Default)]
struct Oracle {
    before: String,
    after: String,
}

/// What was set is read back the same, what was added stands behind the others, and what failed changed nothing: wherever
/// the header has both sides.
fn oracle(function: &Function, functions: &[Function]) -> Option<Oracle> {
    let Function { name, takes, .. } = function;
    let stem = name.strip_prefix("freesmtp_")?.trim_end_matches("_n");
    let getter = |name: &str, places: usize| {
        let getter = functions.iter().find(|own| own.name == format!("freesmtp_{name}"))?;
        // Behind the handle and the place stand pointers to room for what is told.
        let (lead, room) = getter.takes.split_at_checked(1 + places)?;
        let fits = lead.iter().skip(1).all(|(_, own)| own == "index")
            && room.iter().all(|(kind, _)| kind.ends_with('*') && !kind.starts_with("const"));
        fits.then_some(getter)
    };
    let mut oracle = Oracle::default();
    if let Some((of, property)) = stem.split_once("_set_") {
        let places = takes.iter().filter(|(kind, own)| kind == "size_t" && own == "index").count();
        let first = 1 + places;
        let group = property.trim_end_matches("_options");
        let mut pairs: Vec<(&Function, usize, usize)> = Vec::new();
        if let Some(getter) = getter(&format!("{of}_{property}"), places) {
            // It tells one number or more.
            let numbers = getter.takes[first..].iter().filter(|(kind, _)| kind != "size_t *").count();
            pairs.push((getter, first, numbers.max(1)));
        }
        // What is set together has getters of its own, each for one.
        pairs.extend((first..takes.len()).filter_map(|at| {
            let own = takes[at].1.strip_prefix(&format!("{group}_")).unwrap_or(&takes[at].1);
            Some((getter(&format!("{of}_{group}_{own}"), places)?, at, 1))
        }));
        for (at, (getter, first, count)) in pairs.into_iter().enumerate() {
            let given = given(takes, first, count)?;
            let read = read(getter, if places == 1 { ", a1" } else { "" });
            // Beside the first, what is not given has a value of its own.
            let given = if at > 0 { format!("kept::or({given}, || {read})") } else { given };
            let given = if REWRITTEN.contains(&getter.name.as_str()) { read.clone() } else { given };
            writeln!(oracle.before, "let before{at} = {read};").unwrap();
            writeln!(oracle.after, "kept::same(\"{name}\", failed, &before{at}, &{given}, &{read});")
                .unwrap();
        }
        return Some(oracle);
    }
    let (of, what, step) = match stem.split_once("_add_") {
        Some((of, what)) => (of, what, 1),
        None => stem.split_once("_remove_").map(|(of, what)| (of, what, -1))?,
    };
    let count = format!("unsafe {{ {}(a0) }}", getter(&format!("{of}_{what}_count"), 0)?.name);
    writeln!(oracle.before, "{SAFETY}\nlet before = {count};").unwrap();
    writeln!(oracle.after, "{SAFETY}\nkept::counted(\"{name}\", failed, before, {step}, {count});").unwrap();
    for (at, (_, own)) in takes.iter().enumerate().skip(1) {
        let own = if own == "kind" { "type" } else { own };
        let found = getter(&format!("{of}_{what}_{own}"), 1).filter(|_| step > 0);
        if let (Some(getter), Some(given)) = (found, given(takes, at, 1)) {
            let read = read(getter, ", before");
            writeln!(oracle.after, "kept::there(\"{name}\", failed, &{given}, || {read});").unwrap();
        }
    }
    Some(oracle)
}

/// What a call was given there: a text, times, or so many numbers.
fn given(takes: &[(String, String)], at: usize, count: usize) -> Option<String> {
    let (kind, own) = &takes[at];
    let sized = takes.get(at + 1).is_some_and(|(_, name)| *name == format!("{own}_size"));
    Some(match kind.as_str() {
        "const char *" | "const void *" if sized => format!("kept::text_n(a{at}, a{})", at + 1),
        "const char *" => format!("kept::text(a{at})"),
        "double" => format!("Value::Reals(vec![a{at}])"),
        "const freesmtp_timeouts *" => format!("kept::times(a{at})"),
        number if ["int", "bool"].contains(&number) || number.ends_with("_t") => {
            let numbers: Vec<String> = (at..at + count).map(|at| format!("a{at} as i64")).collect();
            format!("Value::Numbers(vec![{}])", numbers.join(", "))
        }
        _ => return None,
    })
}

/// What a function tells of the handle.
fn read(getter: &Function, place: &str) -> String {
    let Function { name, gives, takes } = getter;
    let numbers: Vec<&str> = takes
        .iter()
        .filter_map(|(kind, _)| kind.strip_suffix(" *"))
        .filter(|kind| !kind.starts_with("const"))
        .collect();
    match gives.as_str() {
        "char *" => format!("kept::told(|size| {{ {SAFETY}\nunsafe {{ {name}(a0{place}, size) }} }})"),
        "freesmtp_error *" => {
            format!("kept::times_told(|room| {{ {SAFETY}\nunsafe {{ {name}(a0{place}, room) }} }})")
        }
        "double" => format!("Value::Reals(vec![{{ {SAFETY}\nunsafe {{ {name}(a0{place}) }} }}])"),
        "bool" if !numbers.is_empty() => {
            let room: Vec<String> =
                (0..numbers.len()).map(|at| format!("(&raw mut room[{at}]).cast()")).collect();
            let values: Vec<String> = numbers
                .iter()
                .enumerate()
                .map(|(at, kind)| format!("room[{at}] as {} as i64", foreign(kind)))
                .collect();
            format!(
                "{{ let mut room = [0_u64; {}];\n{SAFETY}\nlet is_set = unsafe {{ {name}(a0{place}, {}) }};\n\
                 Value::Numbers(if is_set {{ vec![{}] }} else {{ Vec::new() }}) }}",
                numbers.len(),
                room.join(", "),
                values.join(", ")
            )
        }
        _ => format!("Value::Numbers(vec![{{ {SAFETY}\nunsafe {{ {name}(a0{place}) }} }} as i64])"),
    }
}

fn written(functions: &[Function]) -> String {
    let mut declared = String::new();
    let (mut calls, mut frees) = (String::new(), String::new());
    for function in functions {
        let Function { name, gives, takes } = function;
        let types: Vec<String> =
            takes.iter().enumerate().map(|(at, (kind, _))| format!("a{at}: {}", foreign(kind))).collect();
        let result = if gives == "void" { String::new() } else { format!(" -> {}", foreign(gives)) };
        writeln!(declared, "    fn {name}({}){result};", types.join(", ")).unwrap();
        writeln!(calls, "    (\"{name}\", {}),", closure(function, functions)).unwrap();
        if let Some(freed) = freed(name) {
            writeln!(frees, "        \"{freed}\" => {name}(handle),").unwrap();
        }
    }
    format!(
        "unsafe extern \"C\" {{\n{declared}}}\n\n\
         /// Each function of the header, and what calls it with arguments that the input draws.\n\
         static CALLS: &[(&str, Call)] = &[\n{calls}];\n\n\
         /// Lets go of a handle.\n\
         fn free(kind: &str, handle: *mut c_void) {{\n    {SAFETY}\n    unsafe {{ match kind {{\n{frees}        \
         _ => panic!(\"nothing lets go of {{kind}}\"),\n    }} }}\n}}\n"
    )
}

/// The type in Rust.
fn foreign(kind: &str) -> &'static str {
    match kind {
        "int" => "c_int",
        "bool" => "bool",
        "double" => "f64",
        "size_t" => "usize",
        "int8_t" => "i8",
        "int16_t" => "i16",
        "int64_t" => "i64",
        "uint16_t" => "u16",
        "uint32_t" => "u32",
        "uint64_t" => "u64",
        // Pointers, to data or to functions.
        pointer if pointer.ends_with('*') || pointer.starts_with("freesmtp_") => "*mut c_void",
        other => panic!("a type that the target does not know: {other}"),
    }
}

fn closure(function: &Function, functions: &[Function]) -> String {
    let Function { name, gives, takes } = function;
    let mut lines = String::new();
    if let Some(freed) = freed(name) {
        return format!("|w| {{ let a0 = w.lost(\"{freed}\");\n{SAFETY}\nunsafe {{ {name}(a0) }} }}");
    }
    if WAITING.contains(&name.as_str()) {
        lines.push_str("w.alone(); ");
    }
    let mut at = 0;
    while at < takes.len() {
        let (kind, own) = &takes[at];
        let next = |ahead: usize| takes.get(at + ahead).map(|(kind, name)| (kind.as_str(), name.as_str()));
        let sized = next(1).is_some_and(|(kind, name)| kind == "size_t" && name == format!("{own}_size"));
        let counted = next(1) == Some(("size_t", "count"));
        let (draws, count) = match kind.as_str() {
            "const char *" if sized => (format!("w.text_n(\"{own}\")"), 2),
            "const void *" if sized => ("w.text_n(\"content\")".to_owned(), 2),
            "const char *" => (format!("w.text(\"{own}\")"), 1),
            "const char *const *" if counted => ("w.texts()".to_owned(), 2),
            "const char *const *" => ("w.texts_n()".to_owned(), 3),
            "const freesmtp_message *const *" => ("w.messages()".to_owned(), 2),
            "const freesmtp_field *" => ("w.fields()".to_owned(), 2),
            "const freesmtp_field_n *" => ("w.fields_n()".to_owned(), 2),
            "const freesmtp_timeouts *" => ("w.timeouts()".to_owned(), 1),
            "const freesmtp_check_options *" => ("w.check_options()".to_owned(), 1),
            "const freesmtp_context *" => ("w.context()".to_owned(), 1),
            "freesmtp_timeouts *" => ("w.room(6)".to_owned(), 1),
            "size_t *" | "int *" | "int8_t *" | "int16_t *" | "int64_t *" | "uint32_t *" | "char **" => {
                ("w.room(1)".to_owned(), 1)
            }
            "char ids_27 *" => ("w.ids()".to_owned(), 1),
            "void *" if own == "memory" => ("ptr::null_mut()".to_owned(), 1),
            "void *" => ("w.user_data()".to_owned(), 1),
            "bool" => ("w.number() & 1 == 1".to_owned(), 1),
            "double" => ("w.real()".to_owned(), 1),
            "int" | "size_t" => ("w.number() as _".to_owned(), 1),
            number if number.ends_with("_t") => ("w.number() as _".to_owned(), 1),
            pointer if pointer.ends_with("**") => ("w.room(1)".to_owned(), 1),
            pointer => match handle(pointer) {
                Some(handle) => (format!("w.handle(\"{handle}\", {})", !pointer.starts_with("const")), 1),
                None if pointer.starts_with("freesmtp_") => {
                    (format!("w.callback(callbacks::{} as *const ())", &pointer[9..]), 1)
                }
                None => panic!("{name}: a type that the target does not know: {pointer}"),
            },
        };
        let names: Vec<String> = (at..at + count).map(|at| format!("a{at}")).collect();
        let pattern = if count == 1 { names[0].clone() } else { format!("({})", names.join(", ")) };
        write!(lines, "let {pattern} = {draws}; ").unwrap();
        at += count;
    }
    let oracle = oracle(function, functions).unwrap_or_default();
    lines.push_str(&oracle.before);
    let names: Vec<String> = (0..takes.len()).map(|at| format!("a{at}")).collect();
    write!(lines, "\n{SAFETY}\nlet result = unsafe {{ {name}({}) }}; ", names.join(", ")).unwrap();
    let size = takes
        .iter()
        .position(|(kind, _)| kind == "size_t *")
        .map_or("ptr::null_mut()".to_owned(), |at| format!("a{at}"));
    let failed = match gives.as_str() {
        "freesmtp_error *" => {
            lines.push_str("let failed = w.failed(result); ");
            lines.push_str(&oracle.after);
            "failed"
        }
        _ => "false",
    };
    match gives.as_str() {
        "freesmtp_error *" => {}
        "char *" if BYTES.contains(&name.as_str()) => {
            write!(lines, "w.owned_bytes(result, {size}); ").unwrap();
        }
        "char *" => write!(lines, "w.owned_text(result, {size}); ").unwrap(),
        "const char *" => lines.push_str("w.borrowed_text(result); "),
        kind => match handle(kind) {
            Some(own) if kind.starts_with("const") => {
                write!(lines, "w.borrowed(\"{own}\", result, a0); ").unwrap();
            }
            Some(own) => write!(lines, "w.gained(\"{own}\", result); ").unwrap(),
            None => lines.push_str("let _ = result; "),
        },
    }
    for (at, (kind, _)) in takes.iter().enumerate() {
        match kind.as_str() {
            "char **" => write!(lines, "w.text_put(a{at}, {size}, {failed}); ").unwrap(),
            out if out.ends_with("**") && !out.contains("const") => {
                write!(
                    lines,
                    "w.put(\"{}\", a{at}, {failed}); ",
                    out.trim_end_matches(['*', ' ']).trim_start_matches("freesmtp_")
                )
                .unwrap();
            }
            _ => {}
        }
    }
    format!("|w| {{ {lines}}}")
}
