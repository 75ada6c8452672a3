#!/bin/sh
# The main job of ipfs-mpi, on three real nodes of this machine: publish a store of interpreters in
# IPFS, push messages from one node to the others' interpreters over HTTP, and get the answers as
# JSON; count the words of a book with them; then run MPI programs as six ranks over the three
# nodes, and keep the pictures that they make. `make demo` builds what it needs and runs it.
set -eu
cd "$(dirname "$0")/.."
mpi=bin/ipfs-mpi
book=interpreters/wordcount/testdata/opticks.txt
pictures=build/demo
dir=$(mktemp -d)
cluster=

stop() {
	code=$?
	trap - EXIT INT TERM
	if [ -n "$cluster" ] && kill -INT "$cluster" 2>/dev/null; then
		wait "$cluster" 2>/dev/null && echo "stopped cleanly" || { echo "the cluster did not stop cleanly" >&2; code=1; }
	fi
	rm -rf "$dir"
	exit "$code"
}
trap stop EXIT
trap 'exit 130' INT TERM
title() { printf '\n\033[1m%s\033[0m\n' "$*"; }
show() { printf '$ %s\n' "$*"; }

title "Three nodes, connected to each other and to nobody else, with the store from bin/store"
show "$mpi cluster -n 3 --store bin/store --json"
$mpi cluster -n 3 --store bin/store --json >"$dir/nodes.json" 2>"$dir/cluster.log" &
cluster=$!
until [ -s "$dir/nodes.json" ]; do
	kill -0 "$cluster" 2>/dev/null || { cat "$dir/cluster.log" >&2; cluster=; exit 1; }
	sleep 0.1
done
cat "$dir/nodes.json"
api=$(grep -o '"api": *"[^"]*"' "$dir/nodes.json" | head -1 | cut -d'"' -f4)

title "Who is there: the header List"
show "curl -H 'List: yes' -H 'File: echo/1.0.0' -X POST $api"
curl -sS -H 'List: yes' -H 'File: echo/1.0.0' -X POST "$api" | tee "$dir/list.json"
echo
host=$(grep -o '"host": *"[^"]*"' "$dir/list.json" | cut -d'"' -f4)
set -- $(sed 's/.*"peers"//' "$dir/list.json" | grep -o '"[A-Za-z0-9]\{40,\}"' | tr -d '"')

title "Three messages, to both peers and to the node itself; three answers expected"
cat >"$dir/request.json" <<END
{
  "Pid": 11,
  "messages": [
    {"Pid": 11, "To": "$1", "From": "$host", "Data": [12, 32, 40]},
    {"Pid": 11, "To": "$2", "From": "$host", "Data": [20, 50, 51, 54]},
    {"Pid": 11, "To": "$host", "From": "$host", "Data": [12, 20]}
  ]
}
END
cat "$dir/request.json"
show "curl -H 'File: echo/1.0.0' -H 'Expected: 3' --data @request.json $api"
curl -sS --fail-with-body -H 'File: echo/1.0.0' -H 'Expected: 3' --data "@$dir/request.json" "$api" >"$dir/answer.json" || {
	cat "$dir/answer.json"
	exit 1
}
cat "$dir/answer.json"
echo
[ "$(grep -o '"From"' "$dir/answer.json" | wc -l)" = 3 ] || { echo "three answers were expected" >&2; exit 1; }

title "The words of Newton's Opticks, counted by the two other nodes, one part each"
show "$mpi send wordcount --to $1 --data $book"
$mpi send wordcount --api "$api" --to "$1" --data "$book" >"$dir/words.txt"
head -c 600 "$dir/words.txt"
echo " …"

title "An MPI program in C, six ranks over the three nodes: pi"
show "$mpi run -n 6 pi"
$mpi run --api "$api" -n 6 pi

title "Warmth in a plate, and the Mandelbrot set: the ranks leave pictures"
rm -rf "$pictures"
for program in heat mandelbrot; do
	show "$mpi run -n 6 -o $pictures $program"
	$mpi run --api "$api" -n 6 -o "$pictures" "$program"
done
show "$mpi ps --all"
$mpi ps --api "$api" --all
for program in heat mandelbrot; do
	[ "$(head -c 4 "$pictures/$program.png" | tail -c 3)" = PNG ] || { echo "$program left no picture" >&2; exit 1; }
	echo "see $pictures/$program.png"
done

title "Stopping"
