#!/bin/sh
# SPDX-License-Identifier: MIT
#
# need.sh - makes sure that commands exist before something needs them.
#
#	sh tools/need.sh COMMAND:PACKAGE...
#
# The user root gets missing packages installed; anyone else gets the line
# that installs them, and the run ends with an error.  A COMMAND with a slash
# is a file that must exist.

missing=
for pair; do
	command=${pair%%:*} package=${pair#*:}
	case $command in
	*/*) [ -e "$command" ] && continue ;;
	*) command -v "$command" >/dev/null && continue ;;
	esac
	case " $missing " in
	*" $package "*) ;;
	*) missing="$missing $package" ;;
	esac
done
[ -n "$missing" ] || exit 0

if ! command -v apt-get >/dev/null; then
	echo "missing, by the names of Debian's packages:$missing" >&2
	exit 1
fi
if [ "$(id -u)" -ne 0 ]; then
	echo "missing packages; install them with" >&2
	echo "  sudo apt-get install$missing" >&2
	exit 1
fi
echo "installing$missing" >&2
export DEBIAN_FRONTEND=noninteractive
# Standard output may be somebody's input.
# shellcheck disable=SC2086 # a list of names
apt-get install -y -q --no-install-recommends $missing >&2 || {
	apt-get update -q >&2
	# shellcheck disable=SC2086
	apt-get install -y -q --no-install-recommends $missing >&2
}
