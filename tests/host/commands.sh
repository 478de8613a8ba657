#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Help, man page and both completions know the same commands, options and operations: all of them, and nothing
# more. What help prints is made of the tables that parse the command line, so it is what the others are held to.
cd "$(dirname "$0")/../.." || exit 1
bin=build/iommufd-lsm
man=docs/iommufd-lsm.8
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

# same "what" EXPECTED GOT: two lists of words
same() {
	local expected got
	expected=$(tr -s ' \n' '\n' <<< "$2" | grep . | sort)
	got=$(tr -s ' \n' '\n' <<< "$3" | grep . | sort)
	if [ "$expected" = "$got" ]; then
		echo "ok $1"
	else
		echo "not ok $1: $(diff <(echo "$expected") <(echo "$got") | grep '^[<>]' | tr '\n' ' ')"
	fi
}

# The long names of the options that help prints, of everything or of one command
options_of() {
	$bin help "$@" | sed -n 's/^  \(   \|-.,\) --\([a-z-]*\).*/--\2/p'
}

commands=$($bin help | sed -n '/^Commands:/,/^$/s/^  \([a-z]*\) .*/\1/p')
everywhere=$($bin help | sed -n '/^Options of all/,/^$/s/^  -., --\([a-z-]*\).*/--\1/p')
operations=$(sed -n 's/.*HOOK([a-z_]*, "\([a-z-]*\)".*/\1/p' kmod/uapi/iommufd_lsm_hooks.h)
if [ -z "$commands" ] || [ -z "$everywhere" ] || [ -z "$operations" ]; then
	echo "not ok help can be read"
	exit 1
fi

# --- the man page ---
synopsis() {
	sed -n '/^\.Sh SYNOPSIS/,/^\.Sh DESC/p' $man
}
same "man: the synopsis has every command" "$commands" \
	"$(synopsis | sed -n 's/^\.Cm //p' | tr -d '|' | sed 's/Op.*//')"
same "man: every command is described" "$commands" \
	"$(sed -n '/^The commands are:/,/^The options/s/^\.It Cm \([a-z]*\).*/\1/p' $man)"
same "man: every option is described" "$(options_of)" \
	"$(sed -n 's/^\.It \(Fl . , \)\?Fl Fl \([a-z-]*\).*/--\2/p' $man)"
for command in $commands; do
	same "man: the synopsis has the options of $command" \
		"$(options_of "$command" | grep -vxF -e "$everywhere")" \
		"$(synopsis | awk -v command="$command" '
			/^\.Nm/ { if (mine) print block; block = ""; mine = 0 }
			/^\.Cm/ { for (i = 2; i <= NF; i++) if ($i == command) mine = 1 }
			{ block = block "\n" $0 }
			END { if (mine) print block }' | grep -oE 'Fl Fl [a-z-]+' | sed 's/Fl Fl /--/')"
done
same "man: every operation is named" "$operations" \
	"$(sed -n '/^The operations are/,/^\.Pp/s/^\.Cm \([a-z-]*\).*/\1/p' $man)"
same "man: every metric is described" \
	"$(sed -n 's/^.*\[[A-Z_]*\] = { "\(iommufd_[a-z_]*\)", "\([a-z]*\)".*/\1 \2/p' loader/metrics.c |
		sed 's/ counter$/_total/; s/ info$/_info/; s/ gauge$//')" \
	"$(sed -n 's/^\.It Va //p' $man)"
if ! command -v mandoc > /dev/null || [ -z "$(mandoc -Tlint -Werror $man 2>&1)" ]; then
	echo "ok man: no errors"
else
	echo "not ok man: $(mandoc -Tlint -Werror $man 2>&1 | head -n 1)"
fi

# --- bash, by what it completes ---
# shellcheck source=docs/completion/iommufd-lsm.bash
. docs/completion/iommufd-lsm.bash
completed() {
	COMP_LINE="iommufd-lsm $*" COMP_WORDS=(iommufd-lsm "$@")
	COMP_POINT=${#COMP_LINE} COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
	_iommufd_lsm
	printf '%s\n' "${COMPREPLY[@]}"
}
same "bash: commands" "$commands" "$(completed "")"
same "bash: help's" "$commands" "$(completed help "")"
for command in $commands; do
	same "bash: options of $command" "$(options_of "$command")" "$(completed "$command" -- | grep '^--')"
done
same "bash: operations" "$operations" "$(completed explain --op "")"
same "bash: files" "Makefile" "$(completed check Makef)"
same "bash: a word that has begun" "check" "$(completed c)"
same "bash: a command after an option" "status" "$(completed -j st)"

# --- zsh, by what it hands to the functions that complete ---
cat > "$tmp/stubs" <<'END'
_arguments() { [ "$1" = -C ] && state=$WANT || print -rl -- "$@" }
_describe() { print -rl -- "${commands[@]%%:*}" }
compadd() { }
END
zsh_completed() {
	WANT=$1 zsh -f -c 'source "$1"; shift 1; file=$1; shift; words=("$@"); CURRENT=$#words; f() { source $file }; f' \
		zsh "$tmp/stubs" docs/completion/_iommufd-lsm "${@:2}"
}
if command -v zsh > /dev/null; then
	same "zsh: commands" "$commands" "$(zsh_completed command "")"
	same "zsh: help's" "$commands" "$(zsh_completed rest help "")"
	for command in $commands; do
		[ "$command" != help ] || continue
		same "zsh: options of $command" "$(options_of "$command")" \
			"$(zsh_completed rest "$command" "" | grep -oE -- '--[a-z-]+\[' | tr -d '[')"
	done
	same "zsh: operations" "$operations" \
		"$(zsh_completed rest explain "" | sed -n 's/^--op.*(\(.*\))$/\1/p')"
else
	echo "not ok zsh: it is not installed ('make deps')"
fi
