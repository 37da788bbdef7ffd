//! How fast each scanner is; run by hand: `cargo test --release --test all scanners_speed -- --ignored --nocapture`.
//! `ONLY="gpt2 o200k"` names the specifications to measure.
#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]
#![allow(clippy::print_stdout, reason = "the table is what this is for")]

use std::hint::black_box;

use tokbench_core::pretokenize::Pretokenizer;

/// Time that this thread has run, which neighbours on a busy machine do not add to (Linux; ticks of some ms).
fn cpu_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    stat.split(' ').next().unwrap().parse::<f64>().unwrap() / 1e9
}

#[test]
#[ignore = "a measurement"]
fn scanners_speed() {
    let only = std::env::var("ONLY").unwrap_or_default();
    let columns = [
        "eng_Latn", "deu_Latn", "rus_Cyrl", "zho_Hans", "jpn_Jpan", "kor_Hang", "khm_Khmr",
    ];
    // A part of every language, 20 MB in all, then single languages.
    let mut texts = vec![crate::oracle::shared_text(640_000)];
    texts.extend(
        columns
            .iter()
            .map(|name| crate::oracle::language_text(name, 4_000_000)),
    );
    println!(
        "{:<24}{:>10}{:>10}   {}",
        "MB/s",
        "mixed",
        "B/piece",
        columns.join("  ")
    );
    for spec in crate::oracle::SPECS {
        if !only.is_empty() && !only.split(' ').any(|name| name == spec) {
            continue;
        }
        let pretokenizer = Pretokenizer::parse(spec).unwrap();
        let mut speeds = Vec::new();
        let mut bytes_per_piece = 0.0;
        for text in &texts {
            let mut pieces = 0usize;
            let mut n_bytes = 0usize;
            let start = cpu_seconds();
            let mut spent = 0.0;
            while spent < 0.3 {
                pretokenizer
                    .for_each(text, |piece| {
                        pieces += 1;
                        n_bytes += piece.len();
                        black_box(piece.as_ptr());
                    })
                    .unwrap();
                spent = cpu_seconds() - start;
            }
            speeds.push(n_bytes as f64 / spent / 1e6);
            if speeds.len() == 1 {
                bytes_per_piece = n_bytes as f64 / pieces as f64;
            }
        }
        print!("{spec:<24.24}{:>10.0}{bytes_per_piece:>10.1}   ", speeds[0]);
        for speed in &speeds[1..] {
            print!("{speed:>8.0}  ");
        }
        println!();
    }
}
