//! Counting under a memory budget: the same table, nothing left on disk, errors that name the folder.
#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use std::path::Path;

use proptest::prelude::*;
use tokbench_core::count::{Counter, Memory, Options};
use tokbench_core::pretokenize::Pretokenizer;
use tokbench_core::{Control, Error, PretokenCounts};

fn counter(spec: &str, groups: usize, threads: usize, memory: Option<(usize, &Path)>) -> Counter {
    let options = Options {
        threads,
        strict_utf8: false,
        block_size: 4096,
        memory: memory.map(|(bytes, directory)| Memory {
            bytes,
            directory: directory.to_owned(),
        }),
    };
    let names = (0..groups).map(|group| group.to_string()).collect();
    Counter::new(Pretokenizer::parse(spec).unwrap(), names, options).unwrap()
}

/// Words that repeat often and words that occur once, of 1 to 40 bytes.
fn text(n_words: u64, seed: u64) -> Vec<u8> {
    let mut state = seed;
    let mut made = Vec::new();
    for _ in 0..n_words {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        let (kind, number) = (state >> 61, (state >> 33) % 50_000);
        match kind {
            0..=3 => made.extend_from_slice(format!(" w{}", number % 50).as_bytes()),
            4 | 5 => made.extend(format!(" {number:x}").bytes().map(|byte| byte | 64)),
            6 => made.extend(
                format!(" {number:07x}x{number:011x}")
                    .bytes()
                    .map(|byte| byte | 64),
            ),
            _ => made.extend(std::iter::repeat_n(b'z', (number % 40) as usize)),
        }
    }
    made
}

fn table(counter: &mut Counter, texts: &[(u32, Vec<u8>)]) {
    let control = Control::new();
    for (group, text) in texts {
        let offsets = [0, text.len() as u64];
        counter
            .add_documents(*group, "text", text, &offsets, &control)
            .unwrap();
    }
}

#[test]
fn every_budget_gives_the_same_table() {
    let folder = tempfile::tempdir().unwrap();
    let texts: Vec<(u32, Vec<u8>)> = (0..9).map(|seed| (seed as u32 % 3, text(9000, seed))).collect();
    let control = Control::new();
    for spec in ["gpt2", "none"] {
        let mut free = counter(spec, 3, 1, None);
        table(&mut free, &texts);
        let expected = free.finish(&control).unwrap();
        for (threads, bytes) in [(1, 2000), (2, 10_000), (3, 300_000), (1, 1 << 30)] {
            let bound = Some((bytes, folder.path()));
            let mut whole = counter(spec, 3, threads, bound);
            table(&mut whole, &texts);
            assert!(
                whole.finish(&control).unwrap() == expected,
                "{spec} {threads} {bytes}"
            );
            let mut streamed = counter(spec, 3, threads, bound);
            table(&mut streamed, &texts);
            let mut stream = streamed.finish_stream(&control).unwrap();
            if spec == "gpt2" && bytes <= 10_000 {
                assert!(stream.n_runs() >= 50, "{} runs", stream.n_runs());
            }
            let mut parts = Vec::new();
            while let Some(part) = stream.next_table(701, &control).unwrap() {
                assert!(part.len() <= 701);
                parts.push(part);
            }
            assert!(parts.iter().rev().skip(1).all(|part| part.len() == 701));
            let parts: Vec<&PretokenCounts> = parts.iter().collect();
            let sum = tokbench_core::count::add(expected.groups.clone(), &parts, &control).unwrap();
            assert!(sum == expected, "{spec} {threads} {bytes} in parts");
        }
    }
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn a_folder_that_does_not_exist_is_an_error() {
    let mut counter = counter("gpt2", 1, 1, Some((2000, Path::new("/no/such/folder"))));
    let text = text(20_000, 1);
    let offsets = [0, text.len() as u64];
    let error = counter
        .add_documents(0, "text", &text, &offsets, &Control::new())
        .unwrap_err();
    assert!(
        matches!(&error, Error::File { path, .. } if path == Path::new("/no/such/folder")),
        "{error}"
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn arbitrary_documents(
        documents in prop::collection::vec((0u32..3, prop::collection::vec(any::<u8>(), 0..400)), 0..20),
        bytes in 0usize..3000,
        threads in 1usize..4,
    ) {
        let folder = tempfile::tempdir().unwrap();
        let control = Control::new();
        for spec in ["cl100k", "none"] {
            let mut free = counter(spec, 3, 1, None);
            table(&mut free, &documents);
            let mut bound = counter(spec, 3, threads, Some((bytes, folder.path())));
            table(&mut bound, &documents);
            prop_assert_eq!(free.finish(&control).unwrap(), bound.finish(&control).unwrap());
        }
    }
}
