#!/bin/bash
# Fuzzes every target in turn, bounded: FUZZ_SECONDS in total (60), FUZZ_TARGETS if not all. Each
# begins with its seeds and with what earlier runs found worth keeping (build/fuzz/corpus). Stops at
# the first finding, shows its input and keeps it in build/fuzz/artifacts.
#
# Needs Rust, stable as pinned for the project, and g++; `cargo fuzz run TARGET` does the same for one
# target without bounds, where cargo-fuzz is installed.
set -euo pipefail

top=$(cd "$(dirname "$0")/.." && pwd)
work=$top/build/fuzz
seconds=${FUZZ_SECONDS:-60}
host=$(rustc -vV | sed -n 's/^host: //p')

command -v c++ >/dev/null ||
    { echo "fuzzing needs a C++ compiler: install g++" >&2; exit 1; }

# What cargo-fuzz sets, but for the sanitizers, which stable Rust does not have.
flags='--cfg fuzzing -Cpasses=sancov-module -Ccodegen-units=1
    -Cllvm-args=-sanitizer-coverage-level=4
    -Cllvm-args=-sanitizer-coverage-inline-8bit-counters
    -Cllvm-args=-sanitizer-coverage-pc-table
    -Cllvm-args=-sanitizer-coverage-trace-compares
    -Cllvm-args=-simplifycfg-branch-fold-threshold=0'

# With --target, programs that only build others are not instrumented.
RUSTFLAGS=$(echo $flags) "${CARGO:-cargo}" build --locked --release --quiet \
    --manifest-path "$top/fuzz/Cargo.toml" --target "$host" --target-dir "$work/target"

targets=${FUZZ_TARGETS:-$(cd "$top/fuzz/seeds" && echo *)}
count=$(echo $targets | wc -w)
ends=$(($(date +%s) + seconds))
mkdir -p "$work/artifacts"
export RUST_BACKTRACE=0 # where a promise was broken says enough

# What crashed shows its input, as text.
show() {
    echo "fuzz: $1: found by this input, kept in $2:" >&2
    cat -v "$2" >&2
    echo >&2
    echo "fuzz: once it is understood, keep it in fuzz/seeds/$1" >&2
}

for target in $targets; do
    left=$((ends - $(date +%s)))
    # At least a second each, for the seeds.
    share=$((left / count > 0 ? left / count : 1))
    count=$((count - 1))
    corpus=$work/corpus/$target
    mkdir -p "$corpus"
    log=$work/$target.log
    dictionary=$top/fuzz/dictionaries/$target.dict
    options="-max_total_time=$share -timeout=10 -rss_limit_mb=2048 -max_len=4096 -print_final_stats=1"
    [ -e "$dictionary" ] && options="$options -dict=$dictionary"
    if ! "$work/target/$host/release/$target" $options \
        -artifact_prefix="$work/artifacts/$target-" "$corpus" "$top/fuzz/seeds/$target" >"$log" 2>&1; then
        grep -v -e '^#' -e '^INFO:' -e '^0x' -e '^Base64:' -e '^stat::' "$log" >&2
        input=$(sed -n 's/.*Test unit written to //p' "$log" | tail -n 1)
        [ -n "$input" ] && show "$target" "$input"
        exit 1
    fi
    runs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
    rate=$(sed -n 's/^stat::average_exec_per_sec: *//p' "$log")
    reached=$(sed -n 's/.* cov: \([0-9]*\) .*/\1/p' "$log" | tail -n 1)
    echo "fuzz: $target: $runs runs in $share s, $rate a second, $reached edges, no finding"
done
