#!/bin/sh
# SPDX-License-Identifier: MIT
#
# linux.sh DIRECTORY - prints the path of a Linux kernel to compare with:
# $LINUX, or Debian's current 6.1 cloud kernel, downloaded once by apt-get and
# unpacked below DIRECTORY.  Nothing is installed.

W=$1
if [ -n "$LINUX" ]; then
	[ -r "$LINUX" ] || { echo "bench: LINUX=$LINUX cannot be read" >&2; exit 1; }
	echo "$LINUX" >"$W/linux.name"
	echo "$LINUX"
	exit
fi
find_it() {
	find "$W/linux" -name 'vmlinuz-6.1.*' 2>/dev/null | sort -V | tail -n 1
}
if [ -z "$(find_it)" ]; then
	command -v apt-get >/dev/null && command -v dpkg-deb >/dev/null || {
		echo "bench: no apt-get to get Debian's Linux with" >&2
		exit 1
	}
	package=$(apt-cache depends linux-image-cloud-amd64 2>/dev/null |
		sed -n 's/.*Depends: \(linux-image-6\.1\.[^ ]*\)$/\1/p')
	if [ -z "$package" ] && [ "$(id -u)" -eq 0 ]; then
		apt-get update -q >&2
		package=$(apt-cache depends linux-image-cloud-amd64 |
			sed -n 's/.*Depends: \(linux-image-6\.1\.[^ ]*\)$/\1/p')
	fi
	[ -n "$package" ] || {
		echo "bench: apt knows no linux-image-cloud-amd64 6.1 (apt-get update?)" >&2
		exit 1
	}
	mkdir -p "$W/linux"
	(cd "$W/linux" && apt-get download -q "$package") >&2 || exit 1
	dpkg-deb --fsys-tarfile "$W/linux/$package"*.deb |
		tar -x -C "$W/linux" --wildcards './boot/vmlinuz-*' || exit 1
	rm -f "$W/linux/$package"*.deb
fi
kernel=$(find_it)
[ -n "$kernel" ] || { echo "bench: no kernel in the package" >&2; exit 1; }
echo "Debian's Linux ${kernel##*/vmlinuz-} (lean)" >"$W/linux.name"
echo "$kernel"
