//! How fast each scanner is; run by hand: `cargo test --release --test pretokenize_speed -- --ignored --nocapture`.
#![allow(clippy::print_stdout, reason = "the table is what this is for")]

mod oracle;

use std::hint::black_box;
use std::time::Instant;

use tokbench_core::pretokenize::Pretokenizer;

/// A part of every language, in slices small enough that no language has the caches to itself for long.
fn mixed() -> Vec<u8> {
    oracle::shared_text(640_000)
}

#[test]
#[ignore = "a measurement"]
fn scanners_speed() {
    let languages = [
        "all", "eng_Latn", "deu_Latn", "rus_Cyrl", "zho_Hans", "jpn_Jpan", "kor_Hang", "khm_Khmr",
    ];
    let texts: Vec<Vec<u8>> = languages
        .iter()
        .map(|&name| {
            if name == "all" {
                mixed()
            } else {
                oracle::language_text(name, 4_000_000)
            }
        })
        .collect();
    print!("{:<22}", "MB/s");
    for name in languages {
        print!("{name:>10}");
    }
    println!("{:>12}", "pieces(all)");
    for spec in oracle::SPECS {
        let pretokenizer = Pretokenizer::parse(spec).unwrap();
        print!("{spec:<22.22}");
        let mut pieces = 0u64;
        for (index, text) in texts.iter().enumerate() {
            let mut best = f64::INFINITY;
            for _ in 0..if spec.contains("regex") { 1 } else { 5 } {
                let start = Instant::now();
                let mut n = 0u64;
                let mut sum = 0usize;
                pretokenizer
                    .for_each(text, |piece| {
                        n += 1;
                        sum = sum.wrapping_add(piece.len() ^ piece.as_ptr() as usize);
                    })
                    .unwrap();
                black_box(sum);
                best = best.min(start.elapsed().as_secs_f64());
                if index == 0 {
                    pieces = n;
                }
            }
            print!("{:>10.0}", text.len() as f64 / best / 1e6);
        }
        println!("{pieces:>12}");
    }
}
