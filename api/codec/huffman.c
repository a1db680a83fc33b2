/* DESIGN
 * Huffman's tree by two queues: symbols, sorted, and nodes, which come into being in the order of
 * their weights. A tree whose longest path has n edges weighs at least as much as n + 1 Fibonacci
 * numbers, which is where the bound on the total is from: 16 bits need 4180 symbols and one. */
#include "api/codec/huffman.h"

enum { LENGTH_MAX = 15, SYMBOLS_MAX = API_HUFFMAN_SYMBOLS_MAX };

/* The symbols that occur, rarest first; returns how many there are. */
static size_t sort(const uint16_t *count, size_t symbols, uint16_t *ret)
{
    size_t used = 0;
    for (size_t symbol = 0; symbol < symbols; symbol++) {
        if (count[symbol] == 0)
            continue;
        size_t at = used++;
        for (; at > 0 && count[ret[at - 1]] > count[symbol]; at--)
            ret[at] = ret[at - 1];
        ret[at] = (uint16_t)symbol;
    }
    return used;
}

void api_huffman_make(const uint16_t *count, size_t symbols, struct api_code *ret)
{
    uint16_t symbol[SYMBOLS_MAX], weight[2 * SYMBOLS_MAX], parent[2 * SYMBOLS_MAX];
    uint8_t depth[2 * SYMBOLS_MAX];
    const size_t used = sort(count, symbols, symbol), root = 2 * used - 2;
    for (size_t i = 0; i < used; i++)
        weight[i] = count[symbol[i]];
    for (size_t made = used, leaf = 0, node = used; made <= root; made++) {
        weight[made] = 0;
        for (int child = 0; child < 2; child++) {
            const size_t least =
                leaf < used && (node == made || weight[leaf] <= weight[node]) ? leaf++ : node++;
            weight[made] = (uint16_t)(weight[made] + weight[least]);
            parent[least] = (uint16_t)made;
        }
    }
    for (size_t i = 0; i < symbols; i++)
        ret[i].length = 0;
    depth[root] = 0;
    for (size_t i = root; i-- > 0;) {
        depth[i] = (uint8_t)(depth[parent[i]] + 1);
        if (i < used)
            ret[symbol[i]].length = depth[i];
    }
    api_huffman_assign(ret, symbols);
}

static uint16_t reversed(unsigned bits, unsigned length)
{
    unsigned back = 0;
    for (unsigned i = 0; i < length; i++)
        back |= (bits >> i & 1) << (length - 1 - i);
    return (uint16_t)back;
}

void api_huffman_assign(struct api_code *code, size_t symbols)
{
    unsigned of_length[LENGTH_MAX + 1] = {0}, next[LENGTH_MAX + 1] = {0};
    for (size_t i = 0; i < symbols; i++)
        of_length[code[i].length]++;
    for (unsigned length = 2; length <= LENGTH_MAX; length++)
        next[length] = (next[length - 1] + of_length[length - 1]) << 1;
    for (size_t i = 0; i < symbols; i++)
        if (code[i].length > 0)
            code[i].bits = reversed(next[code[i].length]++, code[i].length);
}
