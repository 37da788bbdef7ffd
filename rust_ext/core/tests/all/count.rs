//! Counting files and buffers: the invariants of the table, and independence of threads, blocks and format.
#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;

use proptest::prelude::*;
use tokbench_core::count::{Boundary, Compression, Counter, Format, Options, Source, add};
use tokbench_core::pretokenize::Pretokenizer;
use tokbench_core::{Control, Error, PretokenCounts, Result};

fn counter(spec: &str, groups: usize, threads: usize, block_size: usize) -> Counter {
    let names = (0..groups).map(|group| group.to_string()).collect();
    let options = Options {
        threads,
        strict_utf8: false,
        block_size,
        memory: None,
    };
    Counter::new(Pretokenizer::parse(spec).unwrap(), names, options).unwrap()
}

fn checked(table: &PretokenCounts) -> BTreeMap<(Vec<u8>, u32), u64> {
    PretokenCounts::new(
        table.groups.clone(),
        table.arena.clone(),
        table.offsets.clone(),
        table.row_starts.clone(),
        table.group_ids.clone(),
        table.counts.clone(),
    )
    .unwrap();
    (0..table.len())
        .flat_map(|row| {
            let pretoken = table.pretoken(row).to_vec();
            table
                .cells(row)
                .map(move |(group, count)| ((pretoken.clone(), group), count))
        })
        .collect()
}

fn source(path: &Path, compression: Compression, boundary: Boundary) -> Source {
    Source {
        path: path.to_owned(),
        compression,
        format: Format::Text,
        boundary,
        group: 0,
    }
}

fn count_files(sources: &[Source], threads: usize, block_size: usize) -> Result<PretokenCounts> {
    let control = Control::new();
    let mut counter = counter("cl100k", 1, threads, block_size);
    counter.add_sources(sources, &control)?;
    counter.finish(&control)
}

fn text() -> Vec<u8> {
    let words = [
        "word",
        " word",
        "\n",
        " a much longer word than fifteen bytes",
        "7",
        "  ",
        "日本語",
        "\u{ff}",
    ];
    (0..40_000usize)
        .flat_map(|n| words[n * n % 31 % words.len()].bytes())
        .collect()
}

#[test]
fn packed_files_equal_plain_ones_for_all_threads_and_blocks() {
    let folder = tempfile::tempdir().unwrap();
    let text = text();
    let plain = folder.path().join("plain");
    std::fs::write(&plain, &text).unwrap();
    let zipped = folder.path().join("zipped");
    let mut encoder = flate2::write::GzEncoder::new(
        std::fs::File::create(&zipped).unwrap(),
        flate2::Compression::fast(),
    );
    encoder.write_all(&text).unwrap();
    encoder.finish().unwrap();
    let standard = folder.path().join("standard");
    std::fs::write(&standard, zstd::encode_all(&text[..], 1).unwrap()).unwrap();
    for boundary in [
        Boundary::File,
        Boundary::Line,
        Boundary::Separator(b"word".to_vec()),
    ] {
        let expected = count_files(
            &[source(&plain, Compression::Plain, boundary.clone())],
            1,
            1 << 20,
        )
        .unwrap();
        checked(&expected);
        for (threads, block_size) in [(1, 1024), (2, 3000), (5, 1 << 16)] {
            for (path, compression) in [
                (&plain, Compression::Plain),
                (&zipped, Compression::Gzip),
                (&standard, Compression::Zstd),
            ] {
                let found = count_files(
                    &[source(path, compression, boundary.clone())],
                    threads,
                    block_size,
                );
                assert!(
                    found.unwrap() == expected,
                    "{boundary:?} {compression} {threads} {block_size}"
                );
            }
        }
    }
}

#[test]
fn a_truncated_archive_is_an_error_that_names_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("cut.zst");
    let packed = zstd::encode_all(&text()[..], 1).unwrap();
    std::fs::write(&path, &packed[..packed.len() - 5]).unwrap();
    let error = count_files(&[source(&path, Compression::Zstd, Boundary::File)], 2, 1024).unwrap_err();
    match error {
        Error::File {
            path: named,
            offset,
            message,
        } => {
            assert_eq!(named, path);
            assert!(offset.is_some());
            assert!(message.contains("truncated"), "{message}");
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_cancelled_count_says_so() {
    let control = Control::new();
    control.cancel();
    let mut counter = counter("gpt2", 1, 2, 100);
    let outcome = counter.add_documents(0, "x", b"some text", &[0, 9], &control);
    assert_eq!(outcome, Err(Error::Interrupted));
}

#[test]
fn offsets_and_groups_are_checked() {
    let control = Control::new();
    let mut counter = counter("gpt2", 1, 1, 100);
    for (group, offsets) in [
        (1, vec![0, 4]),
        (0, vec![0, 3]),
        (0, vec![0, 3, 2, 4]),
        (0, vec![]),
    ] {
        let outcome = counter.add_documents(group, "x", b"text", &offsets, &control);
        assert!(
            matches!(outcome, Err(Error::Parameter { .. })),
            "{group} {offsets:?}"
        );
    }
}

proptest! {
    #[test]
    fn equals_a_map(
        documents in prop::collection::vec((0u32..3, prop::collection::vec(any::<u8>(), 0..80)), 0..20),
        threads in 1usize..5,
        block_size in 1usize..200,
        spec in prop::sample::select(vec!["gpt2", "o200k", "bert", "lines", "none"]),
    ) {
        let control = Control::new();
        let pretokenizer = Pretokenizer::parse(spec).unwrap();
        let mut expected: BTreeMap<(Vec<u8>, u32), u64> = BTreeMap::new();
        let mut whole = counter(spec, 3, threads, block_size);
        let mut tables = Vec::new();
        for (group, document) in &documents {
            pretokenizer
                .for_each(document, |piece| *expected.entry((piece.to_vec(), *group)).or_default() += 1)
                .unwrap();
            whole.add_documents(*group, "x", document, &[0, document.len() as u64], &control).unwrap();
            let mut one = counter(spec, 3, 1, 1 << 16);
            one.add_documents(*group, "x", document, &[0, document.len() as u64], &control).unwrap();
            tables.push(one.finish(&control).unwrap());
        }
        let whole = whole.finish(&control).unwrap();
        prop_assert_eq!(checked(&whole), expected);
        let parts: Vec<&PretokenCounts> = tables.iter().collect();
        prop_assert!(add(whole.groups.clone(), &parts, &control).unwrap() == whole);
        let bytes: usize = documents.iter().map(|(_, document)| document.len()).sum();
        prop_assert_eq!(whole.totals().1.iter().sum::<u64>(), bytes as u64);
    }
}
