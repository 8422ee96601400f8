// Decodes the rows of a MySQL result into Arrow buffers.
//
// Sans-IO: bytes go in, an ArrowArray (Arrow C data interface) comes out. No GIL while decoding, no
// dependency on Arrow's libraries, one binary for every CPython from 3.11 on (limited API).
// Every read is checked against the packet's end: corrupt input raises ValueError and nothing else.

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <charconv>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <locale>
#include <new>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "values are copied as they travel, which is little-endian; use the numpy decoder on this machine"
#endif

// Arrow C data interface, https://arrow.apache.org/docs/format/CDataInterface.html
struct ArrowArray {
  int64_t length, null_count, offset, n_buffers, n_children;
  const void** buffers;
  ArrowArray** children;
  ArrowArray* dictionary;
  void (*release)(ArrowArray*);
  void* private_data;
};

namespace {

using u8 = uint8_t;

struct Malformed {
  const char* what;
};

[[noreturn]] void malformed(const char* what) { throw Malformed{what}; }

// The numbers are those of `headwater_mysql.decode.types.Kind`.
enum Kind : int {
  kNull, kInt8, kUInt8, kInt16, kUInt16, kInt32, kUInt32, kInt64, kUInt64, kFloat32, kFloat64,
  kDecimal128, kDecimal256, kDate, kDateTime, kDuration, kText, kBytes, kBit, kKinds
};

// Bytes of one value in its Arrow buffer; 4 for the offsets of text and bytes.
constexpr int kWidth[kKinds] = {0, 1, 1, 2, 2, 4, 4, 8, 8, 4, 8, 16, 32, 4, 8, 8, 4, 4, 8};

bool variable(Kind kind) { return kind == kText || kind == kBytes; }

// ---------------------------------------------------------------------------------------------------------
// Memory

struct Memory {
  u8* at = nullptr;
  size_t size = 0, capacity = 0;

  Memory() = default;
  Memory(const Memory&) = delete;
  Memory& operator=(const Memory&) = delete;
  Memory(Memory&& other) noexcept { swap(other); }
  ~Memory() { std::free(at); }

  void swap(Memory& other) noexcept {
    std::swap(at, other.at);
    std::swap(size, other.size);
    std::swap(capacity, other.capacity);
  }
  void reserve(size_t wanted) {
    if (wanted <= capacity) return;
    void* grown = std::realloc(at, wanted);
    if (!grown) throw std::bad_alloc();
    at = static_cast<u8*>(grown);
    capacity = wanted;
  }
  void append(const u8* from, size_t count) {
    if (size + count > capacity) reserve((size + count) + (size + count) / 2 + 64);
    if (count) std::memcpy(at + size, from, count);
    size += count;
  }
};

struct Column {
  Kind kind;
  int precision, scale;
  Memory values;    // fixed width values, or the 32-bit offsets of text and bytes
  Memory data;      // the bytes of text and bytes
  Memory validity;  // empty until the first NULL of a batch
  int64_t nulls = 0;

  Column(Kind kind_, int precision_, int scale_) : kind(kind_), precision(precision_), scale(scale_) {}
};

// What an exported array keeps alive.
struct Exported {
  Memory values, data, validity;
  const void* buffers[3] = {nullptr, nullptr, nullptr};
};

struct ExportedBatch {
  std::vector<ArrowArray> children;
  std::vector<ArrowArray*> pointers;
  const void* buffers[1] = {nullptr};
};

void release_column(ArrowArray* array) {
  delete static_cast<Exported*>(array->private_data);
  array->release = nullptr;
}

void release_batch(ArrowArray* array) {
  auto* batch = static_cast<ExportedBatch*>(array->private_data);
  for (auto& child : batch->children)
    if (child.release) child.release(&child);
  delete batch;
  array->release = nullptr;
}

void release_capsule(PyObject* capsule) {
  auto* array = static_cast<ArrowArray*>(PyCapsule_GetPointer(capsule, "arrow_array"));
  if (!array) {
    PyErr_WriteUnraisable(capsule);
    return;
  }
  if (array->release) array->release(array);
  delete array;
}

// ---------------------------------------------------------------------------------------------------------
// Values

// A cursor that can't leave its packet.
struct Cursor {
  const u8* at;
  const u8* end;

  size_t left() const { return static_cast<size_t>(end - at); }
  const u8* take(size_t count) {
    if (count > left()) malformed("a value runs past its packet's end");
    const u8* start = at;
    at += count;
    return start;
  }
  template <class T>
  T number() {  // little-endian, as the machines that this is built for
    T value;
    std::memcpy(&value, take(sizeof(T)), sizeof(T));
    return value;
  }
  // A length, given its first byte.
  uint64_t length(u8 first) {
    if (first < 0xFB) return first;
    switch (first) {
      case 0xFC: return number<uint16_t>();
      case 0xFD: { const u8* b = take(3); return b[0] | uint32_t(b[1]) << 8 | uint32_t(b[2]) << 16; }
      case 0xFE: return number<uint64_t>();
    }
    malformed("a length is missing");
  }
};

struct Slice {
  const u8* at;
  size_t size;
};

Slice length_encoded(Cursor& in) {
  uint64_t size = in.length(in.number<u8>());
  if (size > in.left()) malformed("a value runs past its packet's end");
  return {in.take(static_cast<size_t>(size)), static_cast<size_t>(size)};
}

// Days since 1970-01-01 of a proleptic Gregorian date: years start in March, so that the leap day is last.
int64_t days_since_epoch(int64_t year, int month, int day) {
  year -= month <= 2;
  int64_t era = year / 400, of_era = year % 400;
  int64_t of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
  return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

int days_in_month(int year, int month) {
  static constexpr int kDays[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
  return kDays[month - 1] + (month == 2 && leap);
}

// False: a zero, partial or impossible date, which no Arrow date can hold.
bool date(int year, int month, int day, int64_t& days) {
  if (month > 12 || day > 31 || year > 9999) malformed("a date is out of range");
  if (year == 0 || month == 0 || day == 0 || day > days_in_month(year, month)) return false;
  days = days_since_epoch(year, month, day);
  return true;
}

int64_t clock(int64_t days, int64_t hours, int64_t minutes, int64_t seconds, int64_t micros) {
  if (minutes > 59 || seconds > 59 || micros > 999999) malformed("a time is out of range");
  return (((days * 24 + hours) * 60 + minutes) * 60 + seconds) * 1000000 + micros;
}

struct Digits {  // a reader of the text protocol's numbers
  const u8* at;
  const u8* end;

  bool done() const { return at == end; }
  bool skip(char c) {
    if (done() || *at != static_cast<u8>(c)) return false;
    ++at;
    return true;
  }
  void expect(char c) {
    if (!skip(c)) malformed("a date or time is malformed");
  }
  // Between `least` and `most` decimal digits; at most 9.
  int number(int least, int most) {
    int value = 0, count = 0;
    while (count < most && !done() && *at >= '0' && *at <= '9') value = value * 10 + (*at++ - '0'), ++count;
    if (count < least) malformed("a date or time is malformed");
    return value;
  }
  int64_t fraction() {  // ".5" is 500000 microseconds
    if (!skip('.')) return 0;
    const u8* start = at;
    int64_t value = number(1, 6);
    for (auto count = at - start; count < 6; ++count) value *= 10;
    return value;
  }
};

template <class T>
T parse_integer(Slice text) {
  T value{};
  auto* first = reinterpret_cast<const char*>(text.at);
  auto [stop, error] = std::from_chars(first, first + text.size, value);
  if (error != std::errc() || stop != first + text.size) malformed("a number is malformed or out of range");
  return value;
}

template <class T>
T parse_float(Slice text) {
  auto* first = reinterpret_cast<const char*>(text.at);
  T value{};
#if defined(__cpp_lib_to_chars)
  auto [stop, error] = std::from_chars(first, first + text.size, value);
  if (error != std::errc() || stop != first + text.size) malformed("a number is malformed or out of range");
#else
  std::istringstream in(std::string(first, text.size));
  in.imbue(std::locale::classic());
  if (!(in >> value) || in.peek() != std::istringstream::traits_type::eof())
    malformed("a number is malformed or out of range");
#endif
  return value;
}

// Writes a decimal's digits, scaled, as a little-endian two's complement integer of `width` bytes.
void parse_decimal(Slice text, int precision, int scale, int width, u8* out) {
  const u8 *at = text.at, *end = text.at + text.size;
  bool negative = at != end && *at == '-';
  at += negative || (at != end && *at == '+');
  uint32_t limbs[8] = {0};
  int limb_count = width / 4, significant = 0, fraction = -1, digits = 0;
  uint32_t chunk = 0, weight = 1;
  auto flush = [&] {
    uint64_t carry = chunk;
    for (int i = 0; i < limb_count; ++i) {
      carry += uint64_t(limbs[i]) * weight;
      limbs[i] = static_cast<uint32_t>(carry);
      carry >>= 32;
    }
    chunk = 0, weight = 1;
  };
  auto push = [&](uint32_t digit) {
    significant += significant > 0 || digit > 0;
    if (significant > precision) malformed("a decimal exceeds its column's precision");
    chunk = chunk * 10 + digit, weight *= 10;
    if (weight == 1000000000) flush();
  };
  for (; at != end; ++at) {
    if (*at == '.' && fraction < 0) {
      fraction = 0;
      continue;
    }
    if (*at < '0' || *at > '9') malformed("a decimal is malformed");
    ++digits;
    if (fraction == scale) {
      if (*at != '0') malformed("a decimal exceeds its column's scale");
      continue;
    }
    fraction += fraction >= 0;
    push(*at - '0');
  }
  if (digits == 0) malformed("a decimal is malformed");
  for (int i = fraction < 0 ? 0 : fraction; i < scale; ++i) push(0);
  flush();
  if (negative) {
    uint64_t carry = 1;
    for (int i = 0; i < limb_count; ++i) {
      carry += uint32_t(~limbs[i]);
      limbs[i] = static_cast<uint32_t>(carry);
      carry >>= 32;
    }
  }
  std::memcpy(out, limbs, width);
}

uint64_t big_endian(Slice bytes) {
  if (bytes.size > 8) malformed("a BIT value is too long");
  uint64_t value = 0;
  for (size_t i = 0; i < bytes.size; ++i) value = value << 8 | bytes.at[i];
  return value;
}

bool ascii(const u8* at, size_t size) {
  uint64_t seen = 0;
  for (; size >= 8; at += 8, size -= 8) {
    uint64_t word;
    std::memcpy(&word, at, 8);
    seen |= word;
  }
  for (; size; ++at, --size) seen |= *at;
  return !(seen & 0x8080808080808080ull);
}

// Well-formed UTF-8 as Unicode's table 3-7 lists it: no overlong forms, no surrogates.
bool utf8(const u8* at, const u8* end) {
  while (at < end) {
    u8 lead = *at++;
    if (lead < 0x80) continue;
    int more = lead >= 0xF0 ? 3 : lead >= 0xE0 ? 2 : 1;
    if (lead < 0xC2 || lead > 0xF4 || end - at < more) return false;
    u8 low = lead == 0xE0 ? 0xA0 : lead == 0xF0 ? 0x90 : 0x80;
    u8 high = lead == 0xED ? 0x9F : lead == 0xF4 ? 0x8F : 0xBF;
    if (*at < low || *at > high) return false;
    for (int i = 1; i < more; ++i)
      if ((at[i] & 0xC0) != 0x80) return false;
    at += more;
  }
  return true;
}

// ---------------------------------------------------------------------------------------------------------
// Rows

class Decoder {
 public:
  Decoder(std::vector<Column> columns, bool binary, bool deprecate_eof, int64_t batch_rows,
          int64_t batch_bytes, int64_t max_row_bytes, u8 sequence)
      : columns_(std::move(columns)), binary_(binary), deprecate_eof_(deprecate_eof),
        batch_rows_(batch_rows), batch_bytes_(batch_bytes),
        max_row_bytes_(static_cast<size_t>(max_row_bytes)), sequence_(sequence) {
    begin_batch();
  }

  // Decodes whole packets until the batch is full, the rows end or the input does; gives the bytes used.
  size_t decode(const u8* data, size_t size) {
    const u8 *at = data, *end = data + size;
    while (!full() && !ended_ && end - at >= 4) {
      size_t length = at[0] | size_t(at[1]) << 8 | size_t(at[2]) << 16;
      if (joined_.size + length > max_row_bytes_) malformed("a row is larger than allowed");
      if (static_cast<size_t>(end - at) - 4 < length) break;
      check_sequence(at[3]);
      const u8* payload = at + 4;
      at = payload + length;
      if (length == 0xFFFFFF || joining_) {
        join(payload, length);
        if (length == 0xFFFFFF) continue;
        joining_ = false;
        packet(joined_.at, joined_.size);
        Memory().swap(joined_);
      } else {
        packet(payload, length);
      }
    }
    return static_cast<size_t>(at - data);
  }

  bool full() const { return rows_ >= batch_rows_ || bytes_ >= batch_bytes_; }
  bool ended() const { return ended_; }
  const std::vector<u8>& last() const { return last_; }
  int64_t rows() const { return rows_; }
  int64_t zero_dates() const { return zero_dates_; }
  u8 sequence() const { return sequence_; }

  // Text columns hold UTF-8 only. Checked per batch, because nearly all of it is ASCII.
  void check_text() const {
    for (const auto& column : columns_) {
      if (column.kind != kText || ascii(column.data.at, column.data.size)) continue;
      auto* offsets = reinterpret_cast<const int32_t*>(column.values.at);
      for (int64_t row = 0; row < rows_; ++row)
        if (!utf8(column.data.at + offsets[row], column.data.at + offsets[row + 1]))
          malformed("a text column holds bytes that are not UTF-8");
    }
  }

  // Moves the rows so far into `out`, which owns them from then on, and begins a new batch.
  void take(ArrowArray* out) {
    auto* batch = new ExportedBatch;
    *out = ArrowArray{rows_, 0, 0, 1, static_cast<int64_t>(columns_.size()), batch->buffers, nullptr, nullptr,
                      release_batch, batch};
    try {
      batch->children.reserve(columns_.size());
      for (auto& column : columns_) batch->children.push_back(export_column(column));
      for (auto& child : batch->children) batch->pointers.push_back(&child);
    } catch (...) {
      release_batch(out);
      throw;
    }
    out->children = batch->pointers.data();
    begin_batch();
  }

 private:
  void check_sequence(u8 number) {
    if (number != sequence_) malformed("packets arrive out of order");
    ++sequence_;
  }

  void join(const u8* payload, size_t length) {
    joining_ = true;
    joined_.append(payload, length);
  }

  void packet(const u8* payload, size_t length) {
    if (length == 0) malformed("a row is empty");
    u8 header = payload[0];
    bool end = header == 0xFE && length < (deprecate_eof_ ? 0xFFFFFFu : 9u);
    if (header == 0xFF || end) {
      last_.assign(payload, payload + length);
      ended_ = true;
      return;
    }
    if (rows_ == row_capacity_) grow_rows();
    Cursor in{payload, payload + length};
    binary_ ? binary_row(in) : text_row(in);
    if (in.left()) malformed("a row is longer than its columns");
    ++rows_;
    bytes_ += static_cast<int64_t>(length);
  }

  void binary_row(Cursor& in) {
    if (in.number<u8>() != 0) malformed("a row has an unknown header");
    const u8* nulls = in.take((columns_.size() + 9) / 8);
    for (size_t i = 0; i < columns_.size(); ++i) {
      size_t bit = i + 2;
      Column& column = columns_[i];
      if (nulls[bit >> 3] >> (bit & 7) & 1) {
        null(column);
      } else if (!binary_value(column, in)) {
        ++zero_dates_;
        null(column);
      }
    }
  }

  bool binary_value(Column& column, Cursor& in) {
    switch (column.kind) {
      case kInt8: case kUInt8: fixed(column, in.take(1), 1); return true;
      case kInt16: case kUInt16: fixed(column, in.take(2), 2); return true;
      case kInt32: case kUInt32: case kFloat32: fixed(column, in.take(4), 4); return true;
      case kInt64: case kUInt64: case kFloat64: fixed(column, in.take(8), 8); return true;
      case kDate: case kDateTime: return binary_datetime(column, in);
      case kDuration: binary_duration(column, in); return true;
      case kNull: malformed("a NULL column has a value");
      default: string(column, length_encoded(in)); return true;
    }
  }

  bool binary_datetime(Column& column, Cursor& in) {
    u8 length = in.number<u8>();
    if (length != 0 && length != 4 && length != 7 && length != 11) malformed("a date has an unknown length");
    if (length == 0) return false;
    int year = in.number<uint16_t>(), month = in.number<u8>(), day = in.number<u8>();
    int hours = 0, minutes = 0, seconds = 0;
    uint32_t micros = 0;
    if (length >= 7) hours = in.number<u8>(), minutes = in.number<u8>(), seconds = in.number<u8>();
    if (length == 11) micros = in.number<uint32_t>();
    return datetime(column, year, month, day, hours, minutes, seconds, micros);
  }

  bool datetime(Column& column, int year, int month, int day, int hours, int minutes, int seconds,
                int64_t micros) {
    if (hours > 23) malformed("a time is out of range");
    int64_t days;
    if (!date(year, month, day, days)) return false;
    if (column.kind == kDate)
      fixed(column, static_cast<int32_t>(days));
    else
      fixed(column, clock(days, hours, minutes, seconds, micros));
    return true;
  }

  void binary_duration(Column& column, Cursor& in) {
    u8 length = in.number<u8>();
    if (length != 0 && length != 8 && length != 12) malformed("a time has an unknown length");
    int64_t value = 0;
    if (length) {
      bool negative = in.number<u8>() != 0;
      int64_t days = in.number<uint32_t>();
      int hours = in.number<u8>(), minutes = in.number<u8>(), seconds = in.number<u8>();
      if (hours > 23) malformed("a time is out of range");
      value = clock(days, hours, minutes, seconds, length == 12 ? in.number<uint32_t>() : 0);
      if (negative) value = -value;
    }
    fixed(column, value);
  }

  void text_row(Cursor& in) {
    for (auto& column : columns_) {
      u8 first = in.number<u8>();
      if (first == 0xFB) {
        null(column);
        continue;
      }
      uint64_t size = in.length(first);
      if (size > in.left()) malformed("a value runs past its packet's end");
      Slice text{in.take(static_cast<size_t>(size)), static_cast<size_t>(size)};
      if (!text_value(column, text)) {
        ++zero_dates_;
        null(column);
      }
    }
  }

  bool text_value(Column& column, Slice text) {
    switch (column.kind) {
      case kInt8: fixed(column, parse_integer<int8_t>(text)); return true;
      case kUInt8: fixed(column, parse_integer<uint8_t>(text)); return true;
      case kInt16: fixed(column, parse_integer<int16_t>(text)); return true;
      case kUInt16: fixed(column, parse_integer<uint16_t>(text)); return true;
      case kInt32: fixed(column, parse_integer<int32_t>(text)); return true;
      case kUInt32: fixed(column, parse_integer<uint32_t>(text)); return true;
      case kInt64: fixed(column, parse_integer<int64_t>(text)); return true;
      case kUInt64: fixed(column, parse_integer<uint64_t>(text)); return true;
      case kFloat32: fixed(column, parse_float<float>(text)); return true;
      case kFloat64: fixed(column, parse_float<double>(text)); return true;
      case kDate: case kDateTime: return text_datetime(column, {text.at, text.at + text.size});
      case kDuration: text_duration(column, {text.at, text.at + text.size}); return true;
      case kNull: malformed("a NULL column has a value");
      default: string(column, text); return true;
    }
  }

  bool text_datetime(Column& column, Digits in) {
    int year = in.number(4, 4), hours = 0, minutes = 0, seconds = 0;
    in.expect('-');
    int month = in.number(2, 2);
    in.expect('-');
    int day = in.number(2, 2);
    int64_t micros = 0;
    if (in.skip(' ')) {
      hours = in.number(2, 2), in.expect(':'), minutes = in.number(2, 2), in.expect(':'),
      seconds = in.number(2, 2), micros = in.fraction();
    }
    if (!in.done()) malformed("a date or time is malformed");
    return datetime(column, year, month, day, hours, minutes, seconds, micros);
  }

  void text_duration(Column& column, Digits in) {
    bool negative = in.skip('-');
    int hours = in.number(1, 9);
    in.expect(':');
    int minutes = in.number(2, 2);
    in.expect(':');
    int seconds = in.number(2, 2);
    int64_t value = clock(0, hours, minutes, seconds, in.fraction());
    if (!in.done()) malformed("a date or time is malformed");
    fixed(column, negative ? -value : value);
  }

  // Everything that travels as bytes in both protocols.
  void string(Column& column, Slice bytes) {
    switch (column.kind) {
      case kDecimal128: case kDecimal256: {
        int width = kWidth[column.kind];
        parse_decimal(bytes, column.precision, column.scale, width, slot(column, width));
        return;
      }
      case kBit: fixed(column, big_endian(bytes)); return;
      default: break;
    }
    column.data.append(bytes.at, bytes.size);
    set_offset(column);
  }

  // --- writing into a column; `grow_rows` has made room for the row

  u8* slot(Column& column, int width) { return column.values.at + rows_ * width; }

  void fixed(Column& column, const u8* from, int width) { std::memcpy(slot(column, width), from, width); }

  template <class T>
  void fixed(Column& column, T value) { std::memcpy(slot(column, sizeof(T)), &value, sizeof(T)); }

  void set_offset(Column& column) {
    auto offset = static_cast<int32_t>(column.data.size);
    std::memcpy(column.values.at + (rows_ + 1) * 4, &offset, 4);
  }

  void null(Column& column) {
    ++column.nulls;
    if (column.kind == kNull) return;
    if (!column.validity.capacity) {
      column.validity.reserve(static_cast<size_t>(row_capacity_ + 7) / 8);
      std::memset(column.validity.at, 0xFF, column.validity.capacity);
    }
    column.validity.at[rows_ >> 3] &= static_cast<u8>(~(1u << (rows_ & 7)));
    if (variable(column.kind))
      set_offset(column);
    else
      std::memset(slot(column, kWidth[column.kind]), 0, kWidth[column.kind]);
  }

  void begin_batch() {
    rows_ = bytes_ = 0;
    for (auto& column : columns_) {
      column.nulls = 0;
      column.data.size = 0;
    }
    row_capacity_ = 0;
  }

  // Doubles the room for rows. After the first full batch there is room for a full one at once.
  void grow_rows() {
    int64_t wanted = row_capacity_ ? row_capacity_ * 2 : first_capacity_;
    if (wanted > batch_rows_) wanted = batch_rows_;
    for (auto& column : columns_) {
      if (column.kind == kNull) continue;
      bool offsets = variable(column.kind);
      column.values.reserve(static_cast<size_t>(wanted + offsets) * kWidth[column.kind]);
      if (offsets && rows_ == 0) std::memset(column.values.at, 0, 4);
      if (column.validity.capacity) {
        size_t before = column.validity.capacity;
        column.validity.reserve(static_cast<size_t>(wanted + 7) / 8);
        std::memset(column.validity.at + before, 0xFF, column.validity.capacity - before);
      }
    }
    row_capacity_ = wanted;
    if (wanted > first_capacity_) first_capacity_ = wanted;
  }

  ArrowArray export_column(Column& column) {
    if (column.kind == kNull) {
      auto* empty = new Exported;
      return ArrowArray{rows_, rows_, 0, 0, 0, empty->buffers, nullptr, nullptr, release_column, empty};
    }
    bool offsets = variable(column.kind);
    if (!column.values.at) {  // no rows: the offsets still need their first zero
      column.values.reserve(kWidth[column.kind]);
      std::memset(column.values.at, 0, column.values.capacity);
    }
    if (offsets) column.data.reserve(1);
    auto* owned = new Exported;
    owned->values.swap(column.values);
    owned->data.swap(column.data);
    owned->validity.swap(column.validity);
    owned->buffers[0] = owned->validity.at;
    owned->buffers[1] = owned->values.at;
    owned->buffers[2] = owned->data.at;
    return ArrowArray{rows_, column.nulls, 0, offsets ? 3 : 2, 0, owned->buffers, nullptr, nullptr,
                      release_column, owned};
  }

  std::vector<Column> columns_;
  bool binary_, deprecate_eof_, joining_ = false, ended_ = false;
  int64_t batch_rows_, batch_bytes_;
  size_t max_row_bytes_;
  u8 sequence_;
  int64_t rows_ = 0, bytes_ = 0, row_capacity_ = 0, first_capacity_ = 1024, zero_dates_ = 0;
  Memory joined_;
  std::vector<u8> last_;
};

// ---------------------------------------------------------------------------------------------------------
// Python

struct DecoderObject {
  PyObject_HEAD
  Decoder* decoder;
  bool busy;  // another thread is inside `decode` without the GIL
};

// Runs `work` and turns C++ exceptions into Python's. `work` must not touch Python objects.
template <class Work>
bool without_gil(DecoderObject* self, Work work) {
  if (self->busy) {
    PyErr_SetString(PyExc_RuntimeError, "the decoder is in use by another thread");
    return false;
  }
  const char* what = nullptr;
  bool memory = false;
  self->busy = true;
  PyThreadState* state = PyEval_SaveThread();
  try {
    work();
  } catch (const Malformed& error) {
    what = error.what;
  } catch (const std::exception&) {  // bad_alloc, length_error
    memory = true;
  }
  PyEval_RestoreThread(state);
  self->busy = false;
  if (what) PyErr_SetString(PyExc_ValueError, what);
  if (memory) PyErr_NoMemory();
  return !what && !memory;
}

bool read_columns(PyObject* sequence, std::vector<Column>& columns) {
  Py_ssize_t count = PySequence_Size(sequence);
  if (count < 1) {
    if (count == 0) PyErr_SetString(PyExc_ValueError, "a result has at least one column");
    return false;
  }
  for (Py_ssize_t i = 0; i < count; ++i) {
    PyObject* item = PySequence_GetItem(sequence, i);
    int kind, precision, scale;
    bool fine = item && PyTuple_Check(item) && PyArg_ParseTuple(item, "iii", &kind, &precision, &scale);
    Py_XDECREF(item);
    if (!fine || kind < 0 || kind >= kKinds || scale < 0 || precision < 0) {
      if (!PyErr_Occurred()) PyErr_SetString(PyExc_TypeError, "columns are (kind, precision, scale) tuples");
      return false;
    }
    columns.emplace_back(static_cast<Kind>(kind), precision, scale);
  }
  return true;
}

PyObject* decoder_new(PyTypeObject* type, PyObject* args, PyObject* kwargs) {
  static const char* names[] = {"columns", "binary", "deprecate_eof", "batch_rows", "batch_bytes",
                                "max_row_bytes", "sequence", nullptr};
  PyObject* columns_argument;
  int binary, deprecate_eof, sequence;
  long long batch_rows, batch_bytes, max_row_bytes;
  if (!PyArg_ParseTupleAndKeywords(args, kwargs, "OppLLLi", const_cast<char**>(names), &columns_argument,
                                   &binary, &deprecate_eof, &batch_rows, &batch_bytes, &max_row_bytes,
                                   &sequence))
    return nullptr;
  constexpr long long kMost = 1ll << 30;  // a batch and one more row stay below 32-bit offsets
  if (batch_rows < 1 || batch_rows >= kMost || batch_bytes < 1 || batch_bytes >= kMost || max_row_bytes < 1 ||
      max_row_bytes > kMost) {
    PyErr_SetString(PyExc_ValueError, "batch_rows, batch_bytes and max_row_bytes are between 1 and 2**30");
    return nullptr;
  }
  auto allocate = reinterpret_cast<allocfunc>(PyType_GetSlot(type, Py_tp_alloc));
  auto* self = reinterpret_cast<DecoderObject*>(allocate(type, 0));
  if (!self) return nullptr;
  self->decoder = nullptr;
  self->busy = false;
  try {
    std::vector<Column> columns;
    if (read_columns(columns_argument, columns))
      self->decoder = new Decoder(std::move(columns), binary, deprecate_eof, batch_rows, batch_bytes,
                                  max_row_bytes, static_cast<u8>(sequence));
  } catch (const std::exception&) {
    PyErr_NoMemory();
  }
  if (self->decoder) return reinterpret_cast<PyObject*>(self);
  Py_DECREF(self);
  return nullptr;
}

void decoder_dealloc(PyObject* object) {
  delete reinterpret_cast<DecoderObject*>(object)->decoder;
  PyTypeObject* type = Py_TYPE(object);
  reinterpret_cast<freefunc>(PyType_GetSlot(type, Py_tp_free))(object);
  Py_DECREF(type);
}

PyObject* decoder_decode(PyObject* object, PyObject* source) {
  auto* self = reinterpret_cast<DecoderObject*>(object);
  Py_buffer view;
  if (PyObject_GetBuffer(source, &view, PyBUF_SIMPLE) < 0) return nullptr;
  size_t used = 0;
  bool fine = without_gil(self, [&] {
    used = self->decoder->decode(static_cast<const u8*>(view.buf), static_cast<size_t>(view.len));
  });
  PyBuffer_Release(&view);
  return fine ? PyLong_FromSize_t(used) : nullptr;
}

PyObject* decoder_take(PyObject* object, PyObject*) {
  auto* self = reinterpret_cast<DecoderObject*>(object);
  auto* array = new (std::nothrow) ArrowArray{};
  if (!array) return PyErr_NoMemory();
  bool fine = without_gil(self, [&] {
    self->decoder->check_text();
    self->decoder->take(array);
  });
  PyObject* capsule = fine ? PyCapsule_New(array, "arrow_array", release_capsule) : nullptr;
  if (!capsule) {
    if (array->release) array->release(array);
    delete array;
  }
  return capsule;
}

// A decoder that another thread works in has nothing steady to show.
const Decoder* idle(PyObject* object) {
  auto* self = reinterpret_cast<DecoderObject*>(object);
  if (!self->busy) return self->decoder;
  PyErr_SetString(PyExc_RuntimeError, "the decoder is in use by another thread");
  return nullptr;
}

PyObject* decoder_rows(PyObject* object, void*) {
  auto* decoder = idle(object);
  return decoder ? PyLong_FromLongLong(decoder->rows()) : nullptr;
}

PyObject* decoder_full(PyObject* object, void*) {
  auto* decoder = idle(object);
  return decoder ? PyBool_FromLong(decoder->full()) : nullptr;
}

PyObject* decoder_zero_dates(PyObject* object, void*) {
  auto* decoder = idle(object);
  return decoder ? PyLong_FromLongLong(decoder->zero_dates()) : nullptr;
}

PyObject* decoder_sequence(PyObject* object, void*) {
  auto* decoder = idle(object);
  return decoder ? PyLong_FromLong(decoder->sequence()) : nullptr;
}

PyObject* decoder_last(PyObject* object, void*) {
  auto* decoder = idle(object);
  if (!decoder) return nullptr;
  if (!decoder->ended()) Py_RETURN_NONE;
  const auto& last = decoder->last();
  return PyBytes_FromStringAndSize(reinterpret_cast<const char*>(last.data()),
                                   static_cast<Py_ssize_t>(last.size()));
}

PyMethodDef decoder_methods[] = {
    {"decode", decoder_decode, METH_O, "Decode whole packets of a buffer; return the number of bytes used."},
    {"take", decoder_take, METH_NOARGS, "The rows so far as an 'arrow_array' capsule of a struct array."},
    {nullptr, nullptr, 0, nullptr}};

PyGetSetDef decoder_properties[] = {
    {"rows", decoder_rows, nullptr, "Rows in the unfinished batch.", nullptr},
    {"full", decoder_full, nullptr, "Whether the batch must be taken before more is decoded.", nullptr},
    {"last", decoder_last, nullptr, "The packet that ended the rows, or None.", nullptr},
    {"zero_dates", decoder_zero_dates, nullptr, "Dates that became null, so far.", nullptr},
    {"sequence", decoder_sequence, nullptr, "The number that the next frame must carry.", nullptr},
    {nullptr, nullptr, nullptr, nullptr, nullptr}};

PyType_Slot decoder_slots[] = {
    {Py_tp_new, reinterpret_cast<void*>(decoder_new)},
    {Py_tp_dealloc, reinterpret_cast<void*>(decoder_dealloc)},
    {Py_tp_methods, decoder_methods},
    {Py_tp_getset, decoder_properties},
    {0, nullptr}};

PyType_Spec decoder_spec = {"headwater_mysql.decode._native.Decoder", sizeof(DecoderObject), 0,
                            Py_TPFLAGS_DEFAULT, decoder_slots};

int module_exec(PyObject* module) {
  PyObject* type = PyType_FromSpec(&decoder_spec);
  if (!type) return -1;
  int failed = PyModule_AddObjectRef(module, "Decoder", type);
  Py_DECREF(type);
  return failed;
}

PyModuleDef_Slot module_slots[] = {{Py_mod_exec, reinterpret_cast<void*>(module_exec)}, {0, nullptr}};

PyModuleDef module_definition = {PyModuleDef_HEAD_INIT, "_native", "Rows of a MySQL result, decoded into Arrow.",
                                 0, nullptr, module_slots, nullptr, nullptr, nullptr};

}  // namespace

PyMODINIT_FUNC PyInit__native() { return PyModuleDef_Init(&module_definition); }
