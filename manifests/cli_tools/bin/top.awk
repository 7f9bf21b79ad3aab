#!/usr/bin/awk -f
# From lines `count word`, as `uniq -c` writes them, an object with the total and the most frequent words.
# Usage: top.awk N, the counts on standard input. Words of the same count stand in the order of the input.
BEGIN { limit = ARGV[1]; ARGC = 1 }
$2 != "" { total += $1; distinct++; count[distinct] = $1; word[distinct] = $2 }
END {
    printf "{\"words\": %d, \"distinct\": %d, \"top\": [", total, distinct
    for (place = 1; place <= limit && place <= distinct; place++) {
        best = 1
        for (n = 2; n <= distinct; n++) if (count[n] > count[best]) best = n
        printf "%s[\"%s\", %d]", (place > 1 ? ", " : ""), word[best], count[best]
        count[best] = -1
    }
    print "]}"
}
