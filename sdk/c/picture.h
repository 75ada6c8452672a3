/*
 * picture.h writes PNG files, in one function:
 *
 *   picture_write("heat.png", width, height, pixels, picture_fire)
 *
 * A pixel is a byte, the rows from top to bottom; a palette gives each of the 256 values its
 * colour. The file is as large as the picture: nothing is compressed (PNG, third edition; zlib, RFC
 * 1950; stored blocks of RFC 1951).
 */
#ifndef PICTURE_H
#define PICTURE_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

/* A palette: the red, green and blue of a value from 0 to 255. */
typedef void picture_palette(int value, unsigned char rgb[3]);

static inline int picture_clamp(int value) { return value < 0 ? 0 : value > 255 ? 255 : value; }

/* Black, red, yellow, white. */
static inline void picture_fire(int value, unsigned char rgb[3]) {
    rgb[0] = (unsigned char)picture_clamp(3 * value);
    rgb[1] = (unsigned char)picture_clamp(3 * value - 255);
    rgb[2] = (unsigned char)picture_clamp(3 * value - 510);
}

/* Dark blue, light blue, white, orange, dark brown, and 255 black: for pictures with a boundary. */
static inline void picture_sea(int value, unsigned char rgb[3]) {
    static const int stops[6][3] = {{0, 7, 100}, {32, 107, 203}, {237, 255, 255}, {255, 170, 0}, {120, 30, 0}, {0, 2, 30}};
    int i = value * 5 / 255, rest = value * 5 - i * 255;
    for (int k = 0; k < 3; k++)
        rgb[k] = (unsigned char)(i == 5 ? 0 : stops[i][k] + (stops[i + 1][k] - stops[i][k]) * rest / 255);
}

/* A file being written, with the checksum of the current chunk. */
struct picture {
    FILE *file;
    uint32_t crc, table[256];
};

static inline void picture_put(struct picture *p, const void *data, size_t n) {
    const unsigned char *bytes = (const unsigned char *)data;
    for (size_t i = 0; i < n; i++)
        p->crc = p->table[(p->crc ^ bytes[i]) & 255] ^ (p->crc >> 8);
    fwrite(data, 1, n, p->file);
}

static inline void picture_put32(struct picture *p, uint32_t v) {
    unsigned char b[4] = {(unsigned char)(v >> 24), (unsigned char)(v >> 16), (unsigned char)(v >> 8), (unsigned char)v};
    picture_put(p, b, 4);
}

static inline void picture_begin(struct picture *p, const char *type, size_t size) {
    picture_put32(p, (uint32_t)size);
    p->crc = 0xffffffff;
    picture_put(p, type, 4);
}

static inline void picture_end(struct picture *p) { picture_put32(p, ~p->crc); }

/* The rows as one zlib stream. Each row is a stored block and begins with a byte 0: not
   filtered. */
static inline void picture_rows(struct picture *p, int width, int height, const unsigned char *pixels) {
    uint32_t n = (uint32_t)width + 1, a = 1, b = 0;
    picture_put(p, "\x78\x01", 2);
    for (int y = 0; y < height; y++) {
        unsigned char head[6] = {y == height - 1, (unsigned char)n, (unsigned char)(n >> 8), (unsigned char)~n, (unsigned char)(~n >> 8), 0};
        const unsigned char *row = pixels + (size_t)y * width;
        picture_put(p, head, 6);
        picture_put(p, row, (size_t)width);
        b = (b + a) % 65521; /* Adler-32: of the byte 0 for the filter, then of the row */
        for (int x = 0; x < width; x++) {
            a = (a + row[x]) % 65521;
            b = (b + a) % 65521;
        }
    }
    picture_put32(p, b << 16 | a);
}

/* Writes a picture of at most 65534 pixels in width. Returns 0, or -1 and errno. */
static inline int picture_write(const char *name, int width, int height, const unsigned char *pixels, picture_palette *palette) {
    struct picture p;
    p.file = fopen(name, "wb");
    if (!p.file)
        return -1;
    for (uint32_t i = 0; i < 256; i++) {
        uint32_t c = i;
        for (int k = 0; k < 8; k++)
            c = c & 1 ? 0xedb88320 ^ (c >> 1) : c >> 1;
        p.table[i] = c;
    }
    picture_put(&p, "\x89PNG\r\n\x1a\n", 8);
    picture_begin(&p, "IHDR", 13);
    picture_put32(&p, (uint32_t)width);
    picture_put32(&p, (uint32_t)height);
    picture_put(&p, "\x08\x03\0\0\0", 5); /* 8 bits per pixel, with a palette */
    picture_end(&p);
    picture_begin(&p, "PLTE", 3 * 256);
    for (int i = 0; i < 256; i++) {
        unsigned char rgb[3];
        palette(i, rgb);
        picture_put(&p, rgb, 3);
    }
    picture_end(&p);
    picture_begin(&p, "IDAT", 2 + (size_t)height * ((size_t)width + 6) + 4);
    picture_rows(&p, width, height, pixels);
    picture_end(&p);
    picture_begin(&p, "IEND", 0);
    picture_end(&p);
    int failed = ferror(p.file);
    return fclose(p.file) != 0 || failed ? -1 : 0;
}

#endif
