//! Tries a target with the inputs that are kept for it, and with some that are made of them: the same
//! ones every time, where the fuzzer makes up others. The tests of the library and of both programs
//! include this file.

use std::{fs, path::Path};

/// So many are made of each input that is kept.
const MADE_OF_EACH: u64 = 16;

/// Calls `body` with every file of `fuzz/seeds/TARGET`, and with what is made of them.
pub fn seeds_of(target: &str, body: fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/seeds").join(target);
    let files = fs::read_dir(&folder).unwrap_or_else(|error| panic!("{folder:?}: {error}"));
    let mut files: Vec<_> = files.map(|file| file.unwrap().path()).collect();
    files.sort();
    assert!(!files.is_empty(), "{folder:?} is empty");
    let seeds: Vec<_> = files.iter().map(|file| fs::read(file).unwrap()).collect();
    let mut dice = Dice(0);
    for (file, seed) in files.iter().zip(&seeds) {
        // Shown when the test fails: the last one is the one that failed.
        println!("{}", file.display());
        body(seed);
        for _ in 0..MADE_OF_EACH {
            let made = dice.spoilt(seed, &seeds);
            println!("{}", made.escape_ascii());
            body(&made);
        }
    }
}

/// Numbers that look random (SplitMix64, Steele, Lea and Flood 2014).
struct Dice(u64);

impl Dice {
    /// Below `end`, which is more than 0.
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((mixed ^ (mixed >> 31)) % end as u64) as usize
    }

    /// The seed with a few faults: bytes of another value, a part that is missing, stands twice, or
    /// comes from another seed.
    fn spoilt(&mut self, seed: &[u8], seeds: &[Vec<u8>]) -> Vec<u8> {
        let mut made = seed.to_vec();
        for _ in 0..=self.below(3) {
            let begin = self.below(made.len() + 1);
            let end = (begin + self.below(16)).min(made.len());
            match self.below(4) {
                0 => made[begin..end].iter_mut().for_each(|byte| *byte = self.below(256) as u8),
                1 => drop(made.drain(begin..end)),
                2 => {
                    let twice = made[begin..end].to_vec();
                    made.splice(end..end, twice);
                }
                _ => {
                    let other = &seeds[self.below(seeds.len())];
                    let part = self.below(other.len() + 1);
                    made.splice(begin..end, other[part..].iter().copied());
                }
            }
        }
        made
    }
}
