//! `lifepod`, the command line client.

fn main() {
    let code = lifepod_cli::main(std::env::args_os());
    // A thread that waits for a key would keep a return from main waiting, too.
    std::process::exit(code);
}
