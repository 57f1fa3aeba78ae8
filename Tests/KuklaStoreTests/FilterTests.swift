import Foundation
import KuklaIndex
import KuklaNumerics
import KuklaStore
import KuklaTestSupport
import Testing

@Suite struct FilterTests {
    let folder: TemporaryFolder

    init() throws { folder = try TemporaryFolder() }

    /// What the words of a filter mean, written once more without SQL.
    private func holds(_ filter: Filter, _ item: [String: JSONValue]) -> Bool {
        switch filter {
        case .equals(let path, let value): path.value(in: item).map { same($0, value) } ?? false
        case .isIn(let path, let values):
            path.value(in: item).map { found in values.contains { same(found, $0) } } ?? false
        case .exists(let path): path.value(in: item) != nil
        case .contains(let path, let value):
            if case .array(let elements) = path.value(in: item) {
                elements.contains { same($0, value) }
            } else {
                false
            }
        case .range(let path, let lower, let upper):
            path.value(in: item).map { found in
                (lower.map { isBelow($0.value, found) || $0.isIncluded && same($0.value, found) } ?? true)
                    && (upper.map { isBelow(found, $0.value) || $0.isIncluded && same($0.value, found) }
                        ?? true)
            } ?? false
        case .all(let filters): filters.allSatisfy { holds($0, item) }
        case .any(let filters): filters.contains { holds($0, item) }
        case .not(let filter): !holds(filter, item)
        }
    }

    private func number(_ value: JSONValue) -> Double? {
        switch value {
        case .integer(let number): Double(number)
        case .real(let number): number
        default: nil
        }
    }

    private func same(_ a: JSONValue, _ b: JSONValue) -> Bool {
        if let x = number(a), let y = number(b) { return x == y }
        return a == b
    }

    private func isBelow(_ a: JSONValue, _ b: JSONValue) -> Bool {
        if let x = number(a), let y = number(b) { return x < y }
        if case .string(let x) = a, case .string(let y) = b {
            return x.utf8.lexicographicallyPrecedes(y.utf8)
        }
        return false
    }

    private static let scalars: [JSONValue] = [
        .null, .boolean(true), .boolean(false), .integer(1), .integer(0), .real(1), .real(2.5), .string("1"),
        .string("true"), .string(""), .string("é'\""), .string("[1]"), .string("z"),
    ]

    private func scalar(_ random: inout RandomSource) -> JSONValue {
        Self.scalars.randomElement(using: &random)!
    }

    private func metadata(_ random: inout RandomSource) -> [String: JSONValue] {
        var members: [String: JSONValue] = [:]
        for key in ["a", "b", "o'k", "n"] where Bool.random(using: &random) {
            switch Int.random(in: 0..<8, using: &random) {
            case 0: members[key] = .array((0..<2).map { _ in scalar(&random) })
            case 1: members[key] = .object(["a": scalar(&random)])
            default: members[key] = scalar(&random)
            }
        }
        return members
    }

    private func filter(_ random: inout RandomSource, depth: Int = 0) throws -> Filter {
        let path = try MetadataPath(
            parsing: ["a", "b", "o'k", "n", "a.a", "n.a"].randomElement(using: &random)!)
        func bound(_ values: [JSONValue]) -> Filter.Bound? {
            Bool.random(using: &random)
                ? .init(values.randomElement(using: &random)!, isIncluded: .random(using: &random)) : nil
        }
        switch Int.random(in: 0..<(depth < 3 ? 9 : 5), using: &random) {
        case 0: return .equals(path, scalar(&random))
        case 1: return .isIn(path, (0..<Int.random(in: 0..<4, using: &random)).map { _ in scalar(&random) })
        case 2: return .exists(path)
        case 3: return .contains(path, scalar(&random))
        case 4:
            let values: [JSONValue] =
                Bool.random(using: &random)
                ? [.integer(0), .integer(1), .real(0.5), .real(2.5)]
                : [.string(""), .string("1"), .string("y")]
            // Without bounds a range would ask for either kind.
            let lower = bound(values)
            return .range(path, lower: lower, upper: bound(values) ?? (lower == nil ? .init(values[1]) : nil))
        case 5, 6: return .not(try filter(&random, depth: depth + 1))
        case 7: return .all([try filter(&random, depth: depth + 1), try filter(&random, depth: depth + 1)])
        default: return .any([try filter(&random, depth: depth + 1), try filter(&random, depth: depth + 1)])
        }
    }

    @Test func `SQLite finds what a filter means, with indexes and without`() throws {
        var random = RandomSource(seed: 4)
        let items = (0..<300).map { _ in metadata(&random) }
        let notes = try folder.store().create("notes", CollectionSettings(dimensions: 1))
        try notes.upsert(
            ItemBatch(
                ids: items.indices.map { .number(UInt64($0)) },
                vectors: Matrix(rows: 300, columns: 1, elements: items.map { _ in 1 }), metadata: items))
        for round in 0..<400 {
            if round == 200 {
                for path in ["a", "o'k", "a.a"] { try notes.index(MetadataPath(parsing: path)) }
                #expect(try notes.info().indexedPaths == ["a", "a.a", "o'k"])
            }
            let filter = try filter(&random)
            let expected = Set(items.indices.filter { holds(filter, items[$0]) })
            let found = try notes.scan(count: 1000, where: filter).map(\.id.description)
            #expect(Set(found) == Set(expected.map(String.init)), "\(filter)")
            #expect(try notes.count(where: filter) == expected.count)
        }
    }

    @Test func `filters are read from JSON`() throws {
        let path = try MetadataPath(parsing: "year")
        #expect(try Filter(parsing: #"{"year": 2020}"#) == .equals(path, .integer(2020)))
        #expect(
            try Filter(parsing: #"{"year": {"$gte": 1, "$lt": 2.5}}"#)
                == .range(path, lower: .init(.integer(1)), upper: .init(.real(2.5), isIncluded: false)))
        #expect(
            try Filter(
                parsing: #"{"$or": [{"year": {"$in": [1, "x"]}}, {"$not": {"year": {"$exists": true}}}]}"#)
                == .any([.isIn(path, [.integer(1), .string("x")]), .not(.exists(path))]))
        #expect(try Filter(parsing: "{}") == .all([]))
        #expect(try Filter(parsing: #"{"year": {"$ne": 3}}"#) == .not(.equals(path, .integer(3))))
        #expect(
            try Filter(parsing: #"{"a": 1, "year": {"$contains": "x", "$exists": false}}"#)
                == .all([
                    .equals(try MetadataPath(parsing: "a"), .integer(1)),
                    .all([.contains(path, .string("x")), .not(.exists(path))]),
                ]))
    }

    @Test(arguments: [
        ("[]", "an array"), ("{", "JSON"), (#"{"year": {"$gt": true}}"#, "boolean"),
        (#"{"year": {"$get": 1}}"#, "Did you mean"), (#"{"$xor": []}"#, "$xor"), (#"{"$and": {}}"#, "array"),
        (#"{"year": [1, 2]}"#, "$in"), (#"{"year": {"$in": 3}}"#, "array"), (#"{"a..b": 1}"#, "path"),
        (#"{"a\"b": 1}"#, "path"), (#"{"": 1}"#, "path"), (#"{"year": {"$exists": 1}}"#, "true or false"),
        (#"{"year": {"$gt": 1, "$gte": 2}}"#, "twice"), (#"{"year": {"$gt": 1, "$lt": "b"}}"#, "range"),
        (#"{"year": {}}"#, "operator"), (#"{"year": {"$eq": {"a": 1}}}"#, "object"), ("1e999", "double"),
        (String(repeating: #"{"$not":"#, count: 70) + "{}" + String(repeating: "}", count: 70), "64"),
    ])
    func `nonsense is refused with a sentence`(json: String, word: String) throws {
        let error = try #require(failure { _ = try Filter(parsing: json) })
        #expect(error.message.contains(word), "\(error)")
    }

    @Test func `a filter that was not parsed is checked too`() throws {
        let notes = try folder.store().create("notes", CollectionSettings(dimensions: 1))
        let path = try MetadataPath(parsing: "a")
        #expect(failure { _ = try notes.count(where: .equals(path, .array([]))) }?.code == .usage)
        let many = Filter.any((0..<500).map { .equals(path, .integer($0)) })
        #expect(failure { _ = try notes.count(where: many) }?.code == .usage)
        #expect(try notes.count(where: .any((0..<390).map { .equals(path, .integer($0)) })) == 0)
    }
}
