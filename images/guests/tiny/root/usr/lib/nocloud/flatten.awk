# Flattens the part of YAML that cloud-config is written in, JSON included: one line per scalar, "path<TAB>value".
#
# A path joins keys and list positions by dots: write_files.0.content. In a value, a backslash, a newline and a tab are written \\, \n
# and \t, for printf %b. Understood: block and flow mappings and lists, plain, quoted, literal (|) and folded (>) scalars, comments.
# Not understood, and refused with a message and exit code 2: anchors, tags, several documents, plain scalars over several lines.

function fail(reason) {
    if (!failed) print "line " i ": " reason > "/dev/stderr"
    failed = 1
    exit 2
}

# `text` with every match of a pattern of one character replaced. Not by gsub: awks differ in what a backslash means in its replacement.
function replace(text, pattern, by,    parts, number, position, result) {
    number = split(text, parts, pattern)
    result = parts[1]
    for (position = 2; position <= number; position++) result = result by parts[position]
    return result
}

function emit(path, text) {
    text = replace(replace(replace(text, "[\\\\]", "\\\\"), "[\n]", "\\n"), "[\t]", "\\t")
    print path "\t" text
}

function join(path, name) { return path == "" ? name "" : path "." name }

function indentation(text) { match(text, /^ */); return RLENGTH }

# Moves to the next line that is not empty and not a comment.
function more() {
    while (i <= count && line[i] ~ /^ *(#.*)?$/) i++
    return i <= count
}

function is_item(text) { return text ~ /^-( |$)/ }

function is_pair(text) { return text ~ /^("[^"]*"|'[^']*'|[A-Za-z0-9_.\/-]+) *:( |$)/ }

# The value of a quoted scalar that starts at `position` of `text`; sets `after` to where it ends.
function quoted(text, position,    quote, result, letter) {
    quote = substr(text, position, 1)
    result = ""
    for (position++; position <= length(text); position++) {
        letter = substr(text, position, 1)
        if (letter == quote) {
            if (quote != "'" || substr(text, position + 1, 1) != "'") { after = position + 1; return result }
            position++
        } else if (letter == "\\" && quote == "\"") {
            letter = substr(text, ++position, 1)
            if (letter == "n") letter = "\n"
            else if (letter == "t") letter = "\t"
            else if (letter !~ /["\\\/ ]/) fail("escape \\" letter " is not supported")
        }
        result = result letter
    }
    fail("a quoted text does not end on its line")
}

function scalar(text) {
    if (text ~ /^["']/) {
        result = quoted(text, 1)
        if (substr(text, after) !~ /^ *(#.*)?$/) fail("text after a quoted text")
        return result
    }
    if (text ~ /^[&*!@`%]/) fail("`" substr(text, 1, 1) "` is not supported")
    sub(/ +#.*$/, "", text)
    sub(/ +$/, "", text)
    return text ~ /^(~|null)$/ ? "" : text
}

function block(path, least,    at, text) {
    if (!more()) return
    at = indentation(line[i])
    if (at < least) return
    text = substr(line[i], at + 1)
    if (is_item(text)) list(path, at)
    else if (is_pair(text)) mapping(path, at)
    else value(path, text, at)
}

function list(path, at,    position, text, child) {
    for (position = 0; more() && indentation(line[i]) == at && is_item(substr(line[i], at + 1)); position++) {
        child = join(path, position)
        text = substr(line[i], at + 2)
        line[i] = substr(line[i], 1, at) " " text
        sub(/^ */, "", text)
        if (text == "" || text ~ /^#/) { i++; block(child, at + 1) }
        else if (is_item(text) || is_pair(text)) block(child, at + 1)
        else value(child, text, at)
    }
    if (more() && indentation(line[i]) > at) fail("not understood: " line[i])
}

function mapping(path, at,    text, key, child) {
    while (more() && indentation(line[i]) == at && is_pair(substr(line[i], at + 1))) {
        text = substr(line[i], at + 1)
        if (text ~ /^["']/) { key = quoted(text, 1); text = substr(text, after) }
        else { key = text; sub(/ *:( .*)?$/, "", key); text = substr(text, length(key) + 1) }
        sub(/^ *: */, "", text)
        child = join(path, key)
        if (text != "" && text !~ /^#/) { value(child, text, at); continue }
        i++
        if (more() && indentation(line[i]) == at && is_item(substr(line[i], at + 1))) list(child, at)
        else block(child, at + 1)
    }
    if (more() && indentation(line[i]) > at) fail("not understood: " line[i])
}

function value(path, text, at) {
    if (text ~ /^[|>][-+]? *(#.*)?$/) { i++; emit(path, literal(text, at)); return }
    if (text !~ /^[[{]/) { text = scalar(text); emit(path, text); i++; return }
    flowing = text
    here = 1
    flow(path)
    if (substr(flowing, here) !~ /^ *(#.*)?$/) fail("text after a closing bracket")
    i++
}

# The lines of a literal or folded scalar, which are indented deeper than their parent.
function literal(header, at,    result, own, text, gap) {
    own = -1
    result = ""
    for (; i <= count; i++) {
        if (line[i] ~ /^ *$/) { gap = gap "\n"; continue }
        if (indentation(line[i]) <= at) break
        if (own < 0) own = indentation(line[i])
        if (indentation(line[i]) < own) fail("a line of a block is indented less than its first")
        text = substr(line[i], own + 1)
        if (header ~ /^>/ && result != "") result = result (gap == "" ? " " : gap) text
        else result = result (result == "" ? "" : "\n") gap text
        gap = ""
    }
    if (header ~ /-/ || result == "") return result
    return result "\n" (header ~ /[+]/ ? gap : "")
}

# Skips spaces in a flow collection, over the ends of lines.
function skip() {
    while (1) {
        while (substr(flowing, here, 1) == " ") here++
        if (here <= length(flowing)) return
        if (++i > count) fail("a bracket is not closed")
        flowing = line[i]
        here = 1
    }
}

function flow(path,    letter, position, key) {
    skip()
    letter = substr(flowing, here, 1)
    if (letter != "[" && letter != "{") { emit(path, flow_scalar()); return }
    here++
    for (position = 0; ; position++) {
        skip()
        if (substr(flowing, here, 1) == (letter == "[" ? "]" : "}")) { here++; return }
        if (letter == "[") key = position
        else {
            key = flow_scalar()
            skip()
            if (substr(flowing, here, 1) != ":") fail("expected `:` after " key)
            here++
        }
        flow(join(path, key))
        skip()
        if (substr(flowing, here, 1) == ",") here++
        else if (substr(flowing, here, 1) !~ /[]}]/) fail("expected `,` or a closing bracket")
    }
}

function flow_scalar(    text, result) {
    text = substr(flowing, here)
    if (text ~ /^["']/) { result = quoted(text, 1); here += after - 1; return result }
    if (!match(text, /^([^],:{}[]|:[^ ])+/)) fail("not understood: " text)
    here += RLENGTH
    return scalar(substr(text, 1, RLENGTH))
}

{ sub(/\r$/, ""); line[NR] = $0 }

END {
    if (failed) exit 2
    count = NR
    i = 1
    if (more() && line[i] ~ /^---/) i++
    block("", 0)
    if (more() && line[i] !~ /^\.\.\./) fail("not understood: " line[i])
}
