//! Calls and streams that are open, over all clients and of each: one client can use up neither the
//! server nor what belongs to the others.

use std::{
    collections::{HashMap, hash_map::Entry},
    sync::Arc,
};

use parking_lot::Mutex;

use crate::identity::Client;

/// What is open.
#[derive(Debug)]
pub(crate) struct Calls {
    limit: usize,
    limit_of_client: usize,
    open: Mutex<Open>,
}

#[derive(Debug, Default)]
struct Open {
    all: usize,
    /// Only clients that have something open.
    of: HashMap<Client, usize>,
}

/// A call or stream that is open as long as this is kept.
#[derive(Debug)]
pub(crate) struct Permit {
    calls: Arc<Calls>,
    client: Client,
}

impl Calls {
    pub(crate) fn new(limit: usize, limit_of_client: usize) -> Self {
        Self {
            limit,
            limit_of_client,
            open: Mutex::default(),
        }
    }

    /// Begins a call.
    ///
    /// # Errors
    /// The limit that is reached.
    pub(crate) fn begin(self: &Arc<Self>, client: Client) -> Result<Permit, usize> {
        let mut open = self.open.lock();
        if open.all >= self.limit {
            return Err(self.limit);
        }
        let of_client = open.of.get(&client).copied().unwrap_or(0);
        if of_client >= self.limit_of_client {
            return Err(self.limit_of_client);
        }
        open.all += 1;
        open.of.insert(client.clone(), of_client + 1);
        Ok(Permit {
            calls: Arc::clone(self),
            client,
        })
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        let mut open = self.calls.open.lock();
        open.all -= 1;
        if let Entry::Occupied(mut entry) = open.of.entry(self.client.clone()) {
            *entry.get_mut() -= 1;
            if *entry.get() == 0 {
                entry.remove();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_has_its_own_bound_and_all_have_one_together() {
        let calls = Arc::new(Calls::new(5, 3));
        let greedy: Vec<_> = (0..3)
            .map(|_| calls.begin(Client::Process(1)).unwrap())
            .collect();
        assert_eq!(calls.begin(Client::Process(1)).unwrap_err(), 3);
        let other = calls.begin(Client::Process(2)).unwrap();
        let third = calls.begin(Client::Unknown).unwrap();
        assert_eq!(calls.begin(Client::Process(2)).unwrap_err(), 5);
        drop((greedy, other));
        assert!(calls.begin(Client::Process(1)).is_ok());
        drop(third);
        let open = calls.open.lock();
        assert_eq!((open.all, open.of.len()), (0, 0), "nothing is kept");
    }
}
