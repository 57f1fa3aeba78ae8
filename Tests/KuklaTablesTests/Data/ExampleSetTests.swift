import Foundation
import KuklaNumerics
import KuklaTables
import KuklaTensor
import KuklaTestSupport
import Testing

@Suite struct ExampleSetTests {
    private let folder: TemporaryFolder

    init() throws { folder = try TemporaryFolder() }

    private func read(
        _ text: String, _ yaml: String, name: String = "rows.csv", maximumBadRows: Int = 0
    ) throws -> ExampleSet {
        try ExampleSet(
            [.init(try folder.file(name, text), part: .training)],
            schema: DataSchema(yaml: yaml, folder: folder.url),
            options: .init(maximumBadRows: maximumBadRows))
    }

    private func message(_ body: () throws -> ExampleSet) -> String {
        do {
            _ = try body()
            return ""
        } catch { return (error as? KuklaError)?.message ?? "\(error)" }
    }

    // MARK: Ids

    @Test func `ids are numbered by how often training saw them`() throws {
        let set = try read(
            "y,film\n1,rare\n0,often\n1,often\n0,second\n1,second\n0,often\n", "label: y\ncategorical: [film]"
        )
        let films = set.vocabularies[0]
        #expect(films.count == 3)
        #expect(["often", "second", "rare"].map { films.id(of: $0) } == [0, 1, 2])
        #expect(films.occurrences == [3, 2, 1])
        #expect(films.value(of: 2) == "rare")
        #expect((0..<6).map { set.store.ids(of: $0)[0] } == [2, 0, 0, 1, 1, 0])
    }

    @Test func `a value that training never saw has an id behind all known ones, always the same`() throws {
        let set = try read("y,film\n1,a\n0,b\n", "label: y\ncategorical: [film]")
        let id = set.vocabularies[0].id(of: "new")
        #expect(id >= 2)
        #expect(set.vocabularies[0].id(of: "new") == id && set.vocabularies[0].id(of: "newer") != id)
    }

    @Test func `values seen fewer times than asked for are unknown`() throws {
        let set = try read(
            "y,film\n1,a\n0,a\n1,b\n", "label: y\ncategorical: [film]\nmin_count: 2")
        #expect(set.vocabularies[0].count == 1)
        #expect(set.store.ids(of: 2)[0] >= 1)
    }

    @Test func `hashed ids need no vocabulary`() throws {
        let set = try read(
            "y,film\n1,a\n0,b\n", "label: y\ncategorical: [{column: film, buckets: 10}]")
        #expect(set.vocabularies[0].count == 10 && set.vocabularies[0].isHashed)
        #expect(set.store.ids(of: 0)[0] == set.vocabularies[0].id(of: "a"))
        #expect(set.vocabularies[0].occurrences.reduce(0, +) == 2)
    }

    // MARK: Labels and numbers

    @Test func `rows that neither rule takes are left out`() throws {
        let set = try read(
            "rating,film\n5,a\n3,b\n2,a\n4,c\n",
            "label: {column: rating, positive: \">=4\", negative: \"<=2\"}\ncategorical: [film]")
        #expect(set.store.count == 3 && set.summary.leftOut == 1)
        #expect((0..<3).map { set.store.label($0) } == [1, 0, 1])
        #expect(set.vocabularies[0].id(of: "b") >= 2)
    }

    @Test func `a label may be a text that looks like a comparison`() throws {
        let set = try read(
            "class, job\n>50K, clerk\n<=50K, cook\n",
            "label: {column: class, positive: \">50K\"}\ncategorical: [job]")
        #expect((0..<2).map { set.store.label($0) } == [1, 0])
    }

    @Test func `numbers are scaled by the training rows, and what is missing is the mean`() throws {
        let set = try read(
            "y,a,b\n1,1,0\n0,3,\n1,5,-1\n", "label: y\nnumeric: {a: standardize, b: log1p}")
        let numbers = try #require(set.store.batch(Array(Int32(0)..<3)).numbers).elements
        let deviation = Float(8.0 / 3).squareRoot()
        #expect(abs(numbers[0] + 2 / deviation) < 1e-6 && numbers[2] == 0)
        #expect(numbers[3] == 0 && abs(numbers[5] + log(2)) < 1e-6)
    }

    // MARK: Bad input

    @Test func `a column that is not there is named with the nearest`() {
        let message = message { try read("y,film\n1,a\n", "label: y\ncategorical: [flim]") }
        #expect(message.contains("\"flim\"") && message.contains("did you mean \"film\""))
    }

    @Test func `a bad row stops the reading with its line, unless it is allowed`() throws {
        let text = "y,film\n1,a\n0\n0,b\n7,c\n"
        let yaml = "label: y\ncategorical: [film]"
        #expect(message { try read(text, yaml) }.contains("line 3: 1 columns, expected 2"))
        #expect(message { try read(text, yaml, maximumBadRows: 1) }.contains("line 5"))
        let set = try read(text, yaml, maximumBadRows: 2)
        #expect(set.store.count == 2 && set.summary.badRows == 2)
        #expect(set.summary.firstBadRow?.contains("line 3") == true)
    }

    @Test func `labels other than 0 and 1 need a rule`() {
        let message = message { try read("y,film\n3,a\n", "label: y\ncategorical: [film]") }
        #expect(message.contains("line 2") && message.contains("positive"))
    }

    @Test func `a categorical column of fractions is refused, unless it is text`() throws {
        let text = "y,price\n1,2.5\n0,3.25\n"
        let message = message { try read(text, "label: y\ncategorical: [price]") }
        #expect(message.contains("\"price\"") && message.contains("2.5") && message.contains("numeric"))
        #expect(try read(text, "label: y\ncategorical: [{column: price, as: text}]").store.count == 2)
        #expect(try read("y,v\n1,2.5\n0,x\n", "label: y\ncategorical: [v]").store.count == 2)
    }

    @Test func `a numeric column of words is refused with its line`() {
        let message = message { try read("y,a\n1,2\n0,inf\n", "label: y\nnumeric: [a]") }
        #expect(message.contains("line 3") && message.contains("\"inf\""))
    }

    // MARK: Formats

    @Test func `tabs, any separator, and gzip are the same table`() throws {
        let yaml = "label: y\ncategorical: [film, user]\nseparator: \"::\""
        let set = try read("y::film::user\n1::a::u\n0::b::u\n", yaml, name: "rows.dat")
        #expect(set.store.count == 2 && set.vocabularies[1].count == 1)
        let tabs = try read("y\tfilm\n1\ta\n", "label: y\ncategorical: [film]", name: "rows.tsv")
        #expect(tabs.store.count == 1)
        let plain = message { try read("y film\n", "label: y\ncategorical: [film]", name: "rows.data") }
        #expect(plain.contains("separator: tab"))
    }

    @Test func `pairs of libFM are columns by their place, those of libFFM by their field`() throws {
        let set = try read(
            "1 12:1 40:1 7:0.5\n0 12:1 41:1 7:2\n",
            "label: label\ncategorical: [\"1\", \"2\"]\nnumeric: {\"3\": none}",
            name: "rows.libfm")
        #expect(set.vocabularies.map(\.count) == [1, 2])
        #expect(set.store.batch([Int32(0), 1]).numbers?.elements == [0.5, 2])
        let fields = try read(
            "1 user:3:1 film:9:1\n0 film:8:1\n", "label: label\ncategorical: [user, film]", name: "rows.ffm")
        #expect(fields.vocabularies[0].id(of: "3") < 2 && fields.vocabularies[0].id(of: "") < 2)
        #expect(fields.vocabularies[1].id(of: "8") < 2)
    }

    @Test func `columns of another file are joined by their key`() throws {
        _ = try folder.file("users.dat", "1::F::10\n2::M::20\n")
        let yaml = """
            label: y
            categorical: [user, gender]
            numeric: {age: none}
            join: [{file: users.dat, on: user, separator: "::", columns: [user, gender, age]}]
            """
        let set = try read("y,user\n1,2\n0,1\n0,2\n", yaml)
        #expect(set.vocabularies[1].id(of: "M") == 0 && set.vocabularies[1].id(of: "F") == 1)
        #expect(set.store.batch(Array(Int32(0)..<3)).numbers?.elements == [20, 10, 20])
        #expect(message { try read("y,user\n1,3\n", yaml) }.contains("\"3\" is no user"))
    }

    // MARK: Lists

    @Test func `a list shares the ids of its field, keeps its last values, and may be empty`() throws {
        let set = try read(
            "y,film,seen\n1,a,b|c|a\n0,b,\n",
            "label: y\ncategorical: [film]\nsequence: {seen: {of: film, last: 2}}")
        let films = set.vocabularies[0]
        #expect(films.count == 3)
        #expect(set.store.list(0, of: 0) == [films.id(of: "c"), films.id(of: "a")])
        #expect(set.store.list(0, of: 1).isEmpty)
        let batch = set.store.batch([Int32(1), 0])
        #expect(batch.lists[0].offsets == [0, 0, 2] && batch.lists[0].owners == [1, 1])
    }

    @Test func `a history holds what the same user did at earlier times, and nothing else`() throws {
        let text = """
            y,user,film,at
            1,u,c,30
            0,v,x,5
            1,u,a,10
            0,u,b,20
            1,u,d,30
            0,v,a,50

            """
        let yaml =
            "label: y\ncategorical: [user, film]\nuser: user\ntime: at\nhistory: {items: [film], last: 5}"
        let set = try read(text, yaml)
        let id = { (film: String) in set.vocabularies[1].id(of: film) }
        #expect(set.store.list(0, of: 0) == [id("a"), id("b")])  // not d, which is of the same moment
        #expect(set.store.list(0, of: 1).isEmpty && set.store.list(0, of: 2).isEmpty)
        #expect(set.store.list(0, of: 4) == [id("a"), id("b")])
        #expect(set.store.list(0, of: 5) == [id("x")])
        let positive = try read(
            text, yaml.replacingOccurrences(of: "last: 5", with: "last: 5, keep: positive"))
        #expect(positive.store.list(0, of: 0) == [positive.vocabularies[1].id(of: "a")])
    }

    // MARK: Splits

    private func split(_ rule: String, rows: Int = 600) throws -> ExampleSet {
        var text = "y,user,at\n"
        for i in 0..<rows { text += "\(i % 2),u\(i % 60),\(rows - i)\n" }
        return try ExampleSet(
            [.init(try folder.file("split.csv", text))],
            schema: DataSchema(yaml: "label: y\ncategorical: [user]\nuser: user\ntime: at\nsplit: \(rule)"))
    }

    @Test func `a random split gives each part its share, the same for the same seed`() throws {
        let set = try split("{by: random, seed: 3}")
        #expect((420...540).contains(set.summary.training) && (30...90).contains(set.summary.test))
        #expect(try split("{by: random, seed: 3}").store.rows(.test) == set.store.rows(.test))
        #expect(try split("{by: random, seed: 4}").store.rows(.test) != set.store.rows(.test))
    }

    @Test func `a split by user never parts a user`() throws {
        let set = try split("user")
        let users = ExamplePart.allCases.map { Set(set.store.users(of: set.store.rows($0)) ?? []) }
        #expect(users.allSatisfy { !$0.isEmpty })
        #expect(users[0].isDisjoint(with: users[1]) && users[0].isDisjoint(with: users[2]))
        #expect(users[1].isDisjoint(with: users[2]))
    }

    @Test func `a split by time trains on the oldest rows and tests on the newest`() throws {
        let set = try split("time")
        #expect(set.summary.training == 480 && set.summary.validation == 60 && set.summary.test == 60)
        // Times fall with the row number.
        #expect(set.store.rows(.test).max() == 59 && set.store.rows(.training).min() == 120)
    }

    @Test func `columns that lie in files are the same as those in memory`() throws {
        var text = "y,film,age,seen\n"
        for i in 0..<3000 { text += "\(i % 2),f\(i * i % 101),\(i % 70),f\(i % 7)|f\(i % 5)\n" }
        let file = try folder.file("many.csv", text)
        let schema = try DataSchema(
            yaml: "label: y\ncategorical: [film]\nnumeric: [age]\nsequence: {seen: film}")
        let memory = try ExampleSet([.init(file)], schema: schema).store
        let files = try ExampleSet([.init(file)], schema: schema, options: .init(spillAfter: 2048)).store
        #expect(files.count == 3000 && files.rows(.test) == memory.rows(.test))
        let (a, b) = (memory.batch(Array(0..<3000)), files.batch(Array(0..<3000)))
        #expect(a.ids == b.ids && a.numbers?.elements == b.numbers?.elements)
        #expect(a.labels.elements == b.labels.elements && a.lists[0].ids == b.lists[0].ids)
    }

    @Test(.enabled(if: SharedData.has("movielens-100k")))
    func `MovieLens-100k is read as it is, and its films are counted`() throws {
        let set = try ExampleSet(
            [.init(try #require(SharedData.url("movielens-100k/u.data.gz")))],
            schema: DataSchema(
                yaml: """
                    label: {column: rating, positive: ">=4", negative: "<=2"}
                    categorical: [user, film]
                    columns: [user, film, rating, time]
                    separator: tab
                    """))
        #expect(set.summary.rows == 100_000 && set.summary.leftOut == 27_145)
        #expect(set.vocabularies[0].count == 943)
    }
}
