# SPDX-License-Identifier: MIT
#
# man.awk - a manual page from a public header, whose comments are the manual.
#
#	awk -v dir=OUT -v include='quire/gfp.h' -f tools/man.awk gfp.h
#
# Writes OUT/quire-gfp.3quire and, for each call, a page that leads there.
# The header's first comment gives the name and the description; every other
# comment and the calls that follow it, up to the next comment, give an entry.
# Types and constants keep to the header.

function page_name(path) {
	sub(/.*\//, "", path)
	sub(/\.h$/, "", path)
	return "quire-" path
}

# Text as roff: backslashes, leading dots, hyphens that are minus signs.
function roff(s) {
	gsub(/\\/, "\\e", s)
	gsub(/-/, "\\-", s)
	sub(/^[.']/, "\\\\\\&&", s)
	return s
}

# A comment's text: paragraphs; drawings and lists, which are indented,
# as they stand.
# Lines that go on are indented by two.  para: what begins a paragraph.
function put_text(text, para,    lines, n, i, line, drawn, item) {
	n = split(text, lines, "\n")
	drawn = item = 0
	for (i = 1; i <= n; i++) {
		line = lines[i]
		if (line ~ /^ ?- /) {
			sub(/^ ?- /, "", line)
			print ".br\n\\- " roff(line) > out
			item = 1
			continue
		}
		if (line == "" && lines[i + 1] !~ /^ ?- |^   ?[^ ]/)
			item = 0
		if (item && line ~ /^ /)
			sub(/^ +/, "", line)
		if (line ~ /^(\t|   )/ && line !~ /^\t*$/) {
			if (!drawn)
				print para "\n.nf" > out
			drawn = 1
		} else if (drawn) {
			print ".fi" > out
			drawn = 0
			if (line != "")
				print para > out
		}
		if (!drawn)
			sub(/^  ?/, "", line)
		if (line == "")
			print para > out
		else if (line ~ /^(Context|Result|Errors|Locks|Source|Sources|Failure): / ||
		    para == ".IP" && line ~ /^[a-z_]+(, [a-z_]+)*: /) {
			print ".br" > out
			print roff(line) > out
		} else
			print roff(line) > out
	}
	if (drawn)
		print ".fi" > out
}

# A declaration on one line, without what is only for the compiler.
function tidy(decl) {
	gsub(/[ \t\n]+/, " ", decl)
	gsub(/ ?__(must_check|noreturn|always_inline)/, "", decl)
	gsub(/ ?__printf\([^)]*\)/, "", decl)
	sub(/^ /, "", decl)
	sub(/^extern /, "", decl)
	sub(/^static (inline )?/, "", decl)
	sub(/ ?;? ?$/, "", decl)
	return decl ~ /^[A-Za-z_]+\([a-z, .]*\)$/ ? decl : decl ";"
}

# The name that is declared as a function, or "".
function called(decl,    head) {
	if (!match(decl, /[A-Za-z_][A-Za-z0-9_]*\(/))
		return ""
	head = substr(decl, RSTART, RLENGTH - 1)
	return head ~ /^(struct|__attribute__|typeof|_Static_assert)$/ ? "" : head
}

function end_entry(    i) {
	if (nr_decls && comment != "") {
		nr_entries++
		entry_text[nr_entries] = comment
		entry_decls[nr_entries] = nr_decls
		for (i = 1; i <= nr_decls; i++) {
			entry_decl[nr_entries, i] = decls[i]
			entry_call[nr_entries, i] = names[i]
		}
	}
	nr_decls = 0
	comment = ""
}

function add(decl,    name) {
	decl = tidy(decl)
	name = called(decl)
	if (name == "")
		return
	decls[++nr_decls] = decl
	names[nr_decls] = name
}

# Without the comment's frame.
function bare(line) {
	sub(/^[ \t]*\/\*+ ?/, "", line)
	sub(/[ \t]*\*+\/[ \t]*$/, "", line)
	sub(/^[ \t]*\*( |$)/, "", line)
	sub(/^[ \t]*\*\t/, "\t", line)
	return line
}

FNR == 1 { next } # the licence
ended { next }
/between the files of this folder/ { ended = 1; next }
# A constant's remark that goes on over several lines.
remark { remark = !/\*\//; next }
(macro || /^#/) && /\/\*/ && !/\/\*.*\*\// { remark = 1; macro = 0; next }

in_comment {
	done = /\*\//
	text = bare($0)
	if (!(done && text == ""))
		gathered = gathered (gathered == "" ? "" : "\n") text
	if (done) {
		in_comment = 0
		if (head == "")
			head = gathered
		else {
			end_entry()
			comment = gathered
		}
	}
	next
}
depth == 0 && partial == "" && /^\/\*/ {
	gathered = bare($0)
	if (/\*\/[ \t]*$/) {
		if (head == "")
			head = gathered
		else {
			end_entry()
			comment = gathered
		}
	} else
		in_comment = 1
	next
}
depth == 0 && partial == "" && /^[ \t]*$/ {
	# It was about the constants before this line.
	if (constant && !nr_decls)
		comment = ""
	constant = 0
	next
}
# What takes a call's place in other builds.
/^#if/ { nested++ }
/^#else/ && !other { other = nested }
/^#endif/ {
	if (other == nested)
		other = 0
	nested--
}
other { next }
# The bodies of inline functions, and what a struct holds.
depth > 0 {
	t = $0
	depth += gsub(/{/, "", t) - gsub(/}/, "", t)
	next
}
macro { macro = /\\$/; next }
/^#define [a-z_]*[a-zA-Z_]+\(/ {
	t = $0
	sub(/^#define /, "", t)
	sub(/\).*/, ")", t)
	add(t)
	macro = /\\$/
	next
}
/^#/ { constant = constant || /^#define/; macro = /\\$/; next }
{
	t = $0
	gsub(/\/\*.*\*\//, "", t)
	sub(/\/\*.*/, "", t)
	partial = partial " " t
	if (partial ~ /{/) {
		t = partial
		depth = gsub(/{/, "", t) - gsub(/}/, "", t)
		if (partial ~ /\)[ \t]*{/ || partial ~ /\)[ ]*$/) {
			sub(/{.*/, "", partial)
			add(partial ";")
		} else
			comment = ""
		partial = ""
	} else if (partial ~ /;[ \t]*$/) {
		if (partial ~ /\(/ && partial !~ /=|typedef|\(\*/ || partial ~ /\(.*\(\*/)
			add(partial)
		partial = ""
	}
}

END {
	end_entry()
	if (!nr_entries) {
		print "man.awk: " FILENAME ": no call with a contract" > "/dev/stderr"
		exit 1
	}
	page = page_name(FILENAME)
	out = dir "/" page ".3quire"
	printf ".\\\" Made from %s: change that.\n", include > out
	printf ".TH %s 3quire \"\" \"Quire %s\" \"The memory manager\"\n", \
		toupper(roff(page)), version > out
	print ".ad l\n.nh" > out
	title = head
	sub(/\n.*/, "", title)
	rest = substr(head, length(title) + 2)
	sub(/^[^ ]* - /, "", title)
	# The sentence may go on until an empty line.
	while (rest != "" && rest !~ /^\n/ && title !~ /\.$/) {
		line = rest
		sub(/\n.*/, "", line)
		rest = substr(rest, length(line) + 2)
		title = title " " line
	}
	sub(/\.$/, "", title)
	sub(/^\n+/, "", rest)
	print ".SH NAME" > out
	list = page
	for (i = 1; i <= nr_entries; i++)
		for (j = 1; j <= entry_decls[i]; j++)
			list = list ", " entry_call[i, j]
	print roff(list) " \\- " roff(title) > out
	print ".SH SYNOPSIS\n.nf" > out
	print ".B #include <" include ">\n.PP" > out
	for (i = 1; i <= nr_entries; i++)
		for (j = 1; j <= entry_decls[i]; j++)
			print ".B \"" roff(entry_decl[i, j]) "\"" > out
	print ".fi" > out
	if (rest != "") {
		print ".SH DESCRIPTION" > out
		put_text(rest, ".PP")
	}
	print ".SH CALLS" > out
	for (i = 1; i <= nr_entries; i++) {
		for (j = 1; j <= entry_decls[i]; j++) {
			print (j == 1 ? ".TP\n" : ".TQ\n") ".B \"" \
				roff(entry_decl[i, j]) "\"" > out
			alias = dir "/" entry_call[i, j] ".3quire"
			print ".so man3/" page ".3quire" > alias
			close(alias)
		}
		text = entry_text[i]
		# "name - what it does": the name stands above already.
		sub(/^[a-z_0-9A-Z]+ - /, "", text)
		put_text(text, ".IP")
	}
	print ".SH SEE ALSO" > out
	print ".BR quire (1)" > out
	print ".PP\nThe headers in include/quire and docs/PORTING.md." > out
}
