#!/bin/sh
# Runs the tests of greet.sh; results go to $ARTIFACTS as JUnit.
failed=0 total=0 cases=""

expect() { # what, want, got
  total=$((total + 1))
  if [ "$2" = "$3" ]; then
    printf '\033[32mok\033[0m    %s\n' "$1"
    cases="$cases<testcase name=\"$1\" time=\"0.01\"/>"
  else
    failed=$((failed + 1))
    printf '\033[31mFAIL\033[0m  %s: want "%s", got "%s"\n' "$1" "$2" "$3"
    cases="$cases<testcase name=\"$1\" time=\"0.01\"><failure message=\"want $2, got $3\"/></testcase>"
  fi
}

expect "greets the world" "Hello, world!" "$(sh ./greet.sh)"
expect "greets by name" "Hello, Ada!" "$(sh ./greet.sh Ada)"
if [ -f polite.txt ]; then
  expect "is polite" "Good day, Ada!" "$(sh ./greet.sh --polite Ada)"
fi

echo "$((total - failed)) of $total passed"
if [ -n "$ARTIFACTS" ]; then
  mkdir -p "$ARTIFACTS"
  echo "<testsuite name=\"greet\" tests=\"$total\" failures=\"$failed\">$cases</testsuite>" > "$ARTIFACTS/junit.xml"
fi
[ "$failed" = 0 ]
