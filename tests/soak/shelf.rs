//! The files that were uploaded and are to be there, whole, until somebody removes them.

use super::dice::Dice;
use openssl::symm::{Cipher, encrypt};
use std::sync::{
    Mutex,
    atomic::{AtomicU64, Ordering::Relaxed},
};

/// A file of the account `ann`.
#[derive(Clone, Debug)]
pub struct Item {
    pub server: usize,
    pub name: String,
    pub seed: u64,
    pub size: u32,
}

impl Item {
    /// What is in it.
    pub fn bytes(&self) -> Vec<u8> {
        let key: Vec<u8> = self.seed.to_le_bytes().repeat(4);
        let zeros = vec![0; self.size as usize];
        encrypt(Cipher::chacha20(), &key, Some(&[0; 16]), &zeros).unwrap()
    }

    /// The same content under a new name at a server.
    pub fn copied_to(&self, server: usize, name: String) -> Item {
        Item { server, name, ..self.clone() }
    }
}

/// More than this are not kept.
const CAPACITY: usize = 120;

#[derive(Default)]
pub struct Shelf {
    items: Mutex<Vec<Item>>,
    names: AtomicU64,
}

impl Shelf {
    /// A name that no other file has.
    pub fn name(&self) -> String {
        format!("f{}", self.names.fetch_add(1, Relaxed))
    }

    /// A file that is still to be uploaded.
    pub fn plans(&self, server: usize, dice: &mut Dice) -> Item {
        Item { server, name: self.name(), seed: dice.throw(), size: dice.size() }
    }

    /// It is there.
    pub fn puts(&self, item: Item) {
        self.items.lock().unwrap().push(item);
    }

    /// Takes one from `server` for somebody who alone uses it until it is put back.
    pub fn takes(&self, server: usize, dice: &mut Dice) -> Option<Item> {
        let mut items = self.items.lock().unwrap();
        let there: Vec<usize> = (0..items.len()).filter(|at| items[*at].server == server).collect();
        let at = (!there.is_empty()).then(|| *dice.pick(&there))?;
        Some(items.swap_remove(at))
    }

    /// Whether somebody should remove what they have taken.
    pub fn is_full(&self) -> bool {
        self.items.lock().unwrap().len() > CAPACITY
    }

    /// All of them.
    pub fn all(&self) -> Vec<Item> {
        self.items.lock().unwrap().clone()
    }
}
