import KuklaNumerics

/// The tokens of a WordPiece model, with a hash table for tokens that begin a word and one for those that go on.
///
/// Both tables hash byte by byte, so that the hashes of all beginnings of a word come out of one pass over it.
/// Open addressing with linear probing, at most half full. Immutable once built.
struct WordPieceVocabulary: ~Copyable, @unchecked Sendable {  // the pointers are written in `init` only
    private struct Slot {
        var hash: UInt32
        /// -1: empty.
        var id: Int32
    }

    /// One hash table: the bytes of a token after `skipped` bytes of prefix lead to its id.
    private struct Table {
        var slots: UnsafeMutablePointer<Slot>
        var shift: UInt64
        var mask: Int
        var skipped: Int
        /// The number of bytes of the longest token, without prefix.
        var longest: Int
    }

    let count: Int
    let unknownID: Int32
    let maximumWordCharacters: Int
    /// The bytes of all tokens, and where each begins (`count + 1` entries).
    private let bytes: UnsafeMutablePointer<UInt8>
    private let starts: UnsafeMutablePointer<UInt32>
    private let beginnings: Table
    private let continuations: Table

    static let hashMultiplier: UInt64 = 0x9E37_79B9_7F4A_7C15
    static let hashSeed: UInt64 = 0x2545_F491_4F6C_DD1D

    /// Tokens by id, all different and less than 2 GiB together; only the first `modelTokenCount` are pieces of
    /// words.
    init(
        tokens: [[UInt8]], modelTokenCount: Int, prefix: [UInt8], unknownID: Int32, maximumWordCharacters: Int
    ) {
        count = tokens.count
        self.unknownID = unknownID
        self.maximumWordCharacters = maximumWordCharacters
        let total = tokens.reduce(0) { $0 + $1.count }
        bytes = .allocate(capacity: max(1, total))
        starts = .allocate(capacity: tokens.count + 1)
        var position = 0
        contract(total <= Int(Int32.max), "WordPieceVocabulary: \(total) bytes of tokens")
        for (id, token) in tokens.enumerated() {
            starts[id] = UInt32(position)
            (bytes + position).initialize(from: token, count: token.count)
            position += token.count
        }
        starts[tokens.count] = UInt32(position)
        beginnings = Self.table(of: tokens[..<modelTokenCount], skipping: 0) { !$0.isEmpty }
        continuations = Self.table(of: tokens[..<modelTokenCount], skipping: prefix.count) {
            $0.count > prefix.count && $0.starts(with: prefix)
        }
    }

    deinit {
        bytes.deallocate()
        starts.deallocate()
        beginnings.slots.deallocate()
        continuations.slots.deallocate()
    }

    /// The bytes of a token.
    func token(_ id: Int32) -> UnsafeBufferPointer<UInt8>? {
        guard id >= 0, id < count else { return nil }
        let range = Int(starts[Int(id)])..<Int(starts[Int(id) + 1])
        return UnsafeBufferPointer(start: bytes + range.lowerBound, count: range.count)
    }

    /// The id of the piece that is this whole word.
    func piece(of word: UnsafeBufferPointer<UInt8>) -> Int32? {
        guard let base = word.baseAddress else { return nil }
        let found = find(base, word.count, Self.hash(base, word.count), beginnings)
        return found >= 0 ? found : nil
    }

    /// Appends the tokens of a word: the longest token that begins it, then the longest that goes on, and so on;
    /// one unknown token where it cannot be finished or is too long.
    ///
    /// `hashes` is scratch space for `count` hashes. Time in proportion to `count` times the pieces.
    @inline(__always)
    func appendPieces(
        of word: UnsafeMutablePointer<UInt8>, count: Int, hashes: UnsafeMutablePointer<UInt64>,
        to ids: inout [Int32]
    ) {
        if count > maximumWordCharacters, Self.isLonger(word, count, than: maximumWordCharacters) {
            return ids.append(unknownID)
        }
        if count <= beginnings.longest {
            let id = find(word, count, Self.hash(word, count), beginnings)
            if id >= 0 { return ids.append(id) }
        }
        appendSplit(of: word, count: count, hashes: hashes, to: &ids)
    }

    @inline(never)
    private func appendSplit(
        of word: UnsafeMutablePointer<UInt8>, count: Int, hashes: UnsafeMutablePointer<UInt64>,
        to ids: inout [Int32]
    ) {
        let first = ids.count
        var start = 0
        while start < count {
            let table = start == 0 ? beginnings : continuations
            let rest = word + start
            var length = min(count - start, table.longest)
            var hash = Self.hashSeed
            for k in 0..<length {
                hash = (hash ^ UInt64(rest[k])) &* Self.hashMultiplier
                hashes[k] = hash
            }
            var id: Int32 = -1
            while length > 0 {
                id = find(rest, length, hashes[length - 1], table)
                if id >= 0 { break }
                length -= 1
            }
            guard id >= 0 else {
                ids.removeSubrange(first...)
                return ids.append(unknownID)
            }
            ids.append(id)
            start += length
        }
    }

    private static func isLonger(_ word: UnsafeMutablePointer<UInt8>, _ count: Int, than maximum: Int) -> Bool
    {
        var characters = 0
        for k in 0..<count where word[k] & 0xC0 != 0x80 { characters += 1 }
        return characters > maximum
    }

    @inline(__always)
    private static func hash(_ word: UnsafePointer<UInt8>, _ count: Int) -> UInt64 {
        var hash = hashSeed
        for k in 0..<count { hash = (hash ^ UInt64(word[k])) &* hashMultiplier }
        return hash
    }

    @inline(__always)
    private func find(_ word: UnsafePointer<UInt8>, _ count: Int, _ hash: UInt64, _ table: Table) -> Int32 {
        var index = Int(hash >> table.shift)
        let tag = UInt32(truncatingIfNeeded: hash >> 16)
        while true {
            let slot = table.slots[index]
            if slot.id < 0 { return -1 }
            if slot.hash == tag, matches(slot.id, word, count, table.skipped) { return slot.id }
            index = (index + 1) & table.mask
        }
    }

    @inline(__always)
    private func matches(_ id: Int32, _ word: UnsafePointer<UInt8>, _ count: Int, _ skipped: Int) -> Bool {
        let start = Int(starts[Int(id)]) + skipped
        guard Int(starts[Int(id) + 1]) - start == count else { return false }
        for k in 0..<count where bytes[start + k] != word[k] { return false }
        return true
    }

    private static func table(
        of tokens: ArraySlice<[UInt8]>, skipping skipped: Int, where belongs: ([UInt8]) -> Bool
    ) -> Table {
        let members = tokens.indices.filter { belongs(tokens[$0]) }
        var bits = 4
        while 1 << bits < 2 * members.count { bits += 1 }
        let slots = UnsafeMutablePointer<Slot>.allocate(capacity: 1 << bits)
        slots.initialize(repeating: Slot(hash: 0, id: -1), count: 1 << bits)
        var table = Table(
            slots: slots, shift: UInt64(64 - bits), mask: (1 << bits) - 1, skipped: skipped, longest: 0)
        for id in members {
            let token = tokens[id]
            let length = token.count - skipped
            let hash = token.withUnsafeBufferPointer { Self.hash($0.baseAddress! + skipped, length) }
            var index = Int(hash >> table.shift)
            while slots[index].id >= 0 { index = (index + 1) & table.mask }
            slots[index] = Slot(hash: UInt32(truncatingIfNeeded: hash >> 16), id: Int32(id))
            table.longest = max(table.longest, length)
        }
        return table
    }
}
