#!/usr/bin/env bash
# test_tutorial.sh COMMAND SOURCE -- the commands of docs/tutorial.md, run one after another where there is nothing
# but what they read, print what the page shows; tutorial.py says how exactly. SLUICE_BLESS=1 puts the numbers of a run
# into the page.
. "$(dirname "$0")/../support/command.sh"
source=$(realpath "$2")
page=$source/docs/tutorial.md
cd "$work" || exit 1

mkdir -p bin tests/system
ln -s "$command" bin/sluice
cp -r "$source"/{README.md,HACKING.md,docs,include,examples} .
cp -r "$source/tests/system/tokenizer" tests/system
LC_ALL=C PATH="$work/bin:$PATH" python3 "$source/tests/system/tutorial.py" "$page" ||
    complain "docs/tutorial.md shows something else than what its commands print"

# It installs and builds, so it is not run here.
first='    bash examples/quickstart.sh'
for file in "$page" "$source/README.md"; do
    grep -q "^$first\( \|$\)" "$file" || complain "$(basename "$file") does not begin with '$first'"
done

finish
