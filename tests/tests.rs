//! The end-to-end tests: real sockets, real TLS, the library's public face and the two programs.
//! One binary, so that it is linked once.

#![allow(clippy::unwrap_used)] // in a test it is the assertion

mod child;
mod ftp;
mod other_server;
mod peer;
mod proftpd;
mod program;
mod scripted_server;
mod site;
mod stuck;
mod verb_table;

mod attributes;
mod clients;
mod control;
mod curl;
mod daemon;
mod docs;
mod eager;
mod endings;
mod files;
mod foreign;
mod ftplib;
mod fxp_clear;
mod fxp_cli;
mod fxp_jobs;
mod fxp_pairs;
mod fxp_proftpd;
mod fxp_sites;
mod fxp_tree;
mod fxp_tree_hostile;
mod fxp_trust;
mod fxpd_cli;
mod hash;
mod hash_memory;
mod host_config;
mod layers;
mod lftp;
mod lftp_fxp;
mod listing;
mod listing_host;
mod listing_parsers;
mod listings;
mod mode_z;
mod order;
mod peers;
mod resumption;
mod rfc;
mod rfc3659;
mod rfc4217;
mod roles;
mod server_life;
mod siege;
mod terminal;
mod verbs;
mod virtual_hosts;
mod wire_fuzz;
mod xpeer;
mod xpeer_fxp;
mod xpeer_pairs;
