//! How fast counting is, phase by phase; run by hand:
//! `cargo test --release --test all counting_speed -- --ignored --nocapture`.
//!
//! `TEXT=file` names the text to measure (without it, words made up here in several scripts), `ONLY="gpt2 o200k"` the
//! pre-tokenizers, `THREADS="1 2"` the numbers of threads, `ROUNDS=5` how often; the fastest round is shown.
//! All figures are processor time of all threads together: neighbours on a busy machine add little to it.
#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]
#![allow(clippy::print_stdout, reason = "the table is what this is for")]

use std::hint::black_box;
use std::path::{Path, PathBuf};

use tokbench_core::Control;
use tokbench_core::count::{BLOCK, Boundary, Compression, Counter, Format, Options, Source};
use tokbench_core::pretokenize::Pretokenizer;

/// Processor time of this process in seconds.
fn cpu_seconds() -> f64 {
    let mut time = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: the call writes to the structure it is given, which outlives it.
    let failed = unsafe { libc::clock_gettime(libc::CLOCK_PROCESS_CPUTIME_ID, &raw mut time) };
    assert_eq!(failed, 0, "this clock exists on every Unix");
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}

fn variable(name: &str, otherwise: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| otherwise.to_owned())
}

/// About `n_bytes` of made-up words in seven scripts, the `k`-th word of each about `k` times rarer than the first
/// (Zipf), with numbers, punctuation and lines between them.
fn synthetic_text(n_bytes: usize) -> Vec<u8> {
    const SCRIPTS: [(u32, u32); 7] = [
        (0x61, 26),    // Latin
        (0x61, 26),    // Latin once more: half of the web
        (0x430, 32),   // Cyrillic
        (0x3B1, 25),   // Greek
        (0x627, 28),   // Arabic
        (0x915, 37),   // Devanagari
        (0x4E00, 900), // Han
    ];
    let mut state = 20u64;
    let mut random = |below: u64| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % below
    };
    let mut text = String::new();
    while text.len() < n_bytes {
        // A sentence keeps to one script.
        let (first, letters) = SCRIPTS[random(7) as usize];
        for word in 0..5 + random(20) {
            if word > 0 {
                text.push(' ');
            }
            // A rank below 2 to the 17: each power of two as likely as the next, so ranks go with their inverse.
            let scale = random(17);
            let mut rank = (1 << scale) + random(1 << scale);
            loop {
                // Letters of a word as a hash of its rank, so that frequent words are short and equal ranks equal.
                let letter = rank.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40;
                text.extend(char::from_u32(first + letter as u32 % letters));
                if rank == 0 {
                    break;
                }
                rank /= 5;
            }
            if random(10) == 0 {
                text.push(',');
            }
        }
        if random(4) == 0 {
            text.push(' ');
            text.push_str(&random(3000).to_string());
        }
        text.push_str(if random(5) == 0 { ".\n" } else { ". " });
    }
    text.into_bytes()
}

struct Phases {
    scan: f64,
    count: f64,
    finish: f64,
    n_pretokens: u64,
    n_distinct: usize,
}

fn measure(spec: &str, path: &Path, text: &[u8], threads: usize) -> Phases {
    let control = Control::new();
    let pretokenizer = Pretokenizer::parse(spec).unwrap();
    let mut n_pretokens = 0;
    let start = cpu_seconds();
    pretokenizer
        .for_each(text, |piece| {
            n_pretokens += 1;
            black_box(piece.as_ptr());
        })
        .unwrap();
    let scan = cpu_seconds() - start;

    let options = Options {
        threads,
        strict_utf8: false,
        block_size: BLOCK,
        memory: None,
    };
    let source = Source {
        path: path.to_owned(),
        compression: Compression::Plain,
        format: Format::Text,
        boundary: Boundary::File,
        group: 0,
    };
    let start = cpu_seconds();
    let mut counter = Counter::new(pretokenizer, vec!["text".into()], options).unwrap();
    counter.add_sources(&[source], &control).unwrap();
    let counted = cpu_seconds();
    let table = counter.finish(&control).unwrap();
    let finish = cpu_seconds() - counted;
    assert_eq!(table.totals(), (vec![n_pretokens], vec![text.len() as u64]));
    Phases {
        scan,
        count: counted - start,
        finish,
        n_pretokens,
        n_distinct: table.len(),
    }
}

#[test]
#[ignore = "a measurement"]
fn counting_speed() {
    let folder = tempfile::tempdir().unwrap();
    let path = std::env::var("TEXT").map_or_else(
        |_| {
            let path = folder.path().join("synthetic.txt");
            std::fs::write(&path, synthetic_text(50_000_000)).unwrap();
            path
        },
        PathBuf::from,
    );
    let text = std::fs::read(&path).unwrap();
    let megabytes = text.len() as f64 / 1e6;
    let rounds: usize = variable("ROUNDS", "5").parse().unwrap();
    println!(
        "{megabytes:.0} MB, MB/s of processor time\n{:<10}{:>8}{:>8}{:>8}{:>8}{:>8}{:>14}{:>12}",
        "", "threads", "scan", "+ count", "finish", "all", "pretokens", "distinct"
    );
    for spec in variable("ONLY", "gpt2 cl100k o200k").split(' ') {
        for threads in variable("THREADS", "1 2").split(' ') {
            let threads = threads.parse().unwrap();
            let all: Vec<Phases> = (0..rounds)
                .map(|_| measure(spec, &path, &text, threads))
                .collect();
            let fastest = |seconds: fn(&Phases) -> f64| {
                let least = all.iter().map(seconds).fold(f64::INFINITY, f64::min);
                megabytes / least
            };
            println!(
                "{spec:<10}{threads:>8}{:>8.0}{:>8.0}{:>8.0}{:>8.0}{:>14}{:>12}",
                fastest(|phases| phases.scan),
                fastest(|phases| phases.count),
                fastest(|phases| phases.finish),
                fastest(|phases| phases.count + phases.finish),
                all[0].n_pretokens,
                all[0].n_distinct,
            );
        }
    }
}
