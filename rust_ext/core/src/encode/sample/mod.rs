//! Encodings drawn at random, the same ones again for the same seed.
//!
//! Every draw of a pretoken comes from a stream of its own, which follows from the seed, the document's bytes and the
//! pretoken's place in it: neither threads, nor batches, nor the order of documents change what is drawn. Another
//! sample of the same document needs another seed.

mod draws;
mod dropout;
mod paths;
mod stochastok;

use super::document::Spans;
use super::lattice::Lattice;
use super::method::Model;
use super::{Allowed, Encoder, Matchers, Scratch, Worker};
use crate::{Control, Error, Result};
use draws::Draws;

/// What is drawn.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Sampling {
    /// BPE-dropout: in every step each applicable merge is left out with this probability. For merges by rank.
    Dropout(f64),
    /// StochasTok: as often as this share of the tokens, a random token falls into a random pair of tokens.
    Splits(f64),
    /// Fewest tokens; at every place one of the equals. For [`super::Method::Fewest`].
    Ties,
    /// A path with probability ∝ exp(α · the sum of its scores). For [`super::Method::Unigram`].
    Paths(f64),
}

impl Sampling {
    fn check(self, model: &Model) -> Result<()> {
        let fail = |name, message: String| Err(Error::Parameter { name, message });
        match self {
            Self::Dropout(p) | Self::Splits(p) if !(0.0..=1.0).contains(&p) => {
                fail("p", format!("{p}; a probability lies between 0 and 1"))
            }
            Self::Paths(alpha) if !(alpha.is_finite() && alpha >= 0.0) => fail(
                "alpha",
                format!("{alpha}; a finite number of at least 0 is needed"),
            ),
            Self::Dropout(_) if !matches!(model, Model::Merges(_)) => fail(
                "sampling",
                "dropout leaves out merges; this model does not merge by rank".into(),
            ),
            Self::Ties | Self::Paths(_) if !matches!(model, Model::Lattice(_)) => {
                fail("sampling", "this model does not look for a best path".into())
            }
            _ => Ok(()),
        }
    }
}

/// A sampling and its seed, checked against the model.
#[derive(Debug, Clone, Copy)]
pub struct Sampler {
    sampling: Sampling,
    seed: u64,
}

impl Encoder {
    /// Checks that the model can be sampled in this way.
    ///
    /// # Errors
    /// [`Error::Parameter`] saying what does not fit.
    pub fn sampler(&self, sampling: Sampling, seed: u64) -> Result<Sampler> {
        sampling.check(&self.model)?;
        Ok(Sampler { sampling, seed })
    }

    /// One sampled encoding of a document, with byte spans.
    ///
    /// # Errors
    /// As [`Encoder::encode_with_spans`].
    pub fn sample_with_spans(
        &self,
        document: &[u8],
        allowed: Allowed<'_>,
        sampler: Sampler,
        control: &Control,
    ) -> Result<Spans> {
        control.start("encoding", document.len() as u64);
        let mut worker = self.take_worker();
        let spans = self.with_matchers(allowed, |matchers| {
            self.sample_document(document, matchers, sampler, &mut worker, control)
        });
        self.leave_worker(worker);
        spans
    }

    pub(super) fn sample_document(
        &self,
        document: &[u8],
        matchers: &Matchers,
        sampler: Sampler,
        worker: &mut Worker,
        control: &Control,
    ) -> Result<Spans> {
        let Sampler { sampling, seed } = sampler;
        let stream = Draws::stream(seed, document);
        let mut spans = self.spans_of(
            document,
            matchers,
            worker,
            control,
            |pretoken, at, scratch, control| {
                let mut draws = Draws::new(stream, at as u64);
                match (sampling, &self.model) {
                    (Sampling::Dropout(p), Model::Merges(table)) if p > 0.0 => {
                        scratch.ids.clear();
                        scratch.unknown.clear();
                        let Scratch { ids, unknown, .. } = scratch;
                        self.alphabet.spell_units(pretoken, ids, unknown)?;
                        dropout::merge(table, ids, p, &mut draws, control)?;
                        if let Some(scaffold) = &self.scaffold {
                            scaffold.demolish(ids);
                        }
                        Ok(())
                    }
                    (Sampling::Ties, Model::Lattice(lattice)) => {
                        self.sample_path(lattice, pretoken, scratch, control, |paths| paths.tie(&mut draws))
                    }
                    (Sampling::Paths(alpha), Model::Lattice(lattice)) => {
                        self.sample_path(lattice, pretoken, scratch, control, |paths| {
                            paths.sample(alpha, &mut draws)
                        })
                    }
                    _ => self.encode_pretoken(pretoken, scratch, control),
                }
            },
        )?;
        if let Sampling::Splits(p) = sampling {
            let mut draws = Draws::new(stream, u64::MAX);
            stochastok::split(&self.vocabulary, p, &mut spans, &mut draws, control)?;
        }
        Ok(spans)
    }

    fn sample_path(
        &self,
        lattice: &Lattice,
        pretoken: &[u8],
        scratch: &mut Scratch,
        control: &Control,
        choose: impl FnOnce(&paths::Paths) -> Option<Vec<paths::Way>>,
    ) -> Result<()> {
        scratch.ids.clear();
        scratch.unknown.clear();
        let paths = paths::Paths::new(lattice, pretoken, &self.alphabet, control)?;
        let Some(chosen) = choose(&paths) else {
            return Err(Error::NotEncodable {
                document: 0,
                offset: paths.reached() as u64,
                message: "no sequence of tokens goes on from here, and there is no unknown token".into(),
            });
        };
        paths::give_out(lattice, pretoken, &chosen, &self.alphabet, scratch)
    }
}
