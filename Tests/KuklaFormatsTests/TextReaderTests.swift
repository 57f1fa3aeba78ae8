import Foundation
import KuklaFormats
import KuklaNumerics
import KuklaTestSupport
import Testing

@Suite struct TextReaderTests {
    private func read(_ text: String, _ name: String, _ options: TextOptions = TextOptions()) throws
        -> [TextRecord]
    {
        try withFolder { folder in
            let url = folder.appending(path: name)
            if name.hasSuffix(".gz") {
                try gzip(Data(text.utf8), to: url)
            } else {
                try Data(text.utf8).write(to: url)
            }
            return try TextReader(url, options: options).readAll()
        }
    }

    @Test func `lines, plain and packed`() throws {
        for name in ["a.txt", "a.txt.gz", "noname"] {
            #expect(try read("one\n\nthree", name).map(\.text) == ["one", "", "three"])
        }
    }

    @Test func `JSON lines`() throws {
        let text = """
            {"_id": "a", "title": "T", "text": "x \\u00e9\\ud83d\\ude00\\n\\"q\\""}

            {"text": "y", "id": 17, "title": "", "more": {"a": [1, 2.5e3, null, true], "b": {}}}
            "bare"
            """
        #expect(
            try read(text, "a.jsonl") == [
                TextRecord(id: "a", text: "T x é😀\n\"q\""), TextRecord(id: "17", text: "y"),
                TextRecord(text: "bare"),
            ])
        let options = TextOptions(textColumn: "body", idColumn: "key")
        #expect(
            try read(#"{"body": "b", "text": "t", "key": "k"}"#, "a", options) == [
                TextRecord(id: "k", text: "b")
            ])
    }

    @Test(arguments: [
        (#"{"text": "a"} x"#, "something follows"), (#"{"text": "a""#, "',' or '}' is missing"),
        (#"{"txt": "a"}"#, "there is no \"text\""),
        (#"{"text": 5}"#, "a string is missing"), (#"{"text": "a\ud800"}"#, "surrogate"),
        (#"{"text": "a\x"}"#, "escape"),
        (#"{"text": "a", "n": NaN}"#, "NaN"), (#"{"text": "a", "n": 01}"#, "starts with 0"),
        ("{\"text\": \"a\tb\"}", "control"),
        (#"{"text": "\u12"}"#, "escape"), (#"{"text": "a\"#, "does not end"),
        (#"{"text" "a"}"#, "':' is missing"), ("5", "an object"),
        (String(repeating: "{\"a\":", count: 300), "nested"), (#"{"text": null}"#, "there is no"),
    ])
    func `a broken line is named`(line: String, expected: String) {
        let text = message { try read("{\"text\": \"good\"}\n" + line, "a.jsonl") }
        #expect(text.contains("a.jsonl, line 2: ") && text.contains(expected), "\(text)")
    }

    @Test func `tables`() throws {
        #expect(
            try read("id,text\r\n1,\"a, \"\"b\"\"\nc\"\r\n2,d 5\" e\r\n\r\n", "a.csv") == [
                TextRecord(id: "1", text: "a, \"b\"\nc"), TextRecord(id: "2", text: "d 5\" e"),
            ])
        #expect(
            try read("7\t\"x\n8\ty", "a.tsv") == [
                TextRecord(id: "7", text: "\"x"), TextRecord(id: "8", text: "y"),
            ])
        #expect(try read("a,b,c\n1,2,3", "a.csv.gz", TextOptions(textColumn: "b")).map(\.text) == ["2"])
        #expect(try read("a,b,c\n1,2,3", "a.csv", TextOptions(textColumn: "3")).map(\.text) == ["c", "3"])
        #expect(
            try read("a,b,c\n1,2,", "a.csv", TextOptions(textColumn: "3", hasHeader: true)).map(\.text) == [
                ""
            ])
        #expect(try read("text\n\"\"\nlast", "a.csv").map(\.text) == ["", "last"])
        #expect(try read("", "a.csv") == [])
        #expect(message { try read("a,b,c\n1,2,3", "a.csv") }.contains("which of the 3 columns"))
        #expect(message { try read("id,text\n1", "a.csv") }.contains("line 2: it has 1 columns"))
        #expect(
            message { try read("id,text\n1,\"a\n\nb", "a.csv") }.contains(
                "line 2: a quoted field does not end"))
        #expect(
            message { try read("id,text\n1,\"a\"b", "a.csv") }.contains(
                "line 2: text follows the closing quote"))
        #expect(message { try read("id,text\n\"1\n2\",x\n5", "a.csv") }.contains("line 4"))
        #expect(
            message { try read("a,b\n1,2", "a.csv", TextOptions(textColumn: "z")) }.contains("it has a, b"))
    }

    @Test func `a table over many chunks`() throws {
        let all = (0..<20_000).map { i in
            TextRecord(id: "\(i)", text: String(repeating: i % 3 == 0 ? "a\"b\n" : "cd", count: i % 71))
        }
        let text =
            "id,text\n"
            + all.map { "\($0.id!),\"\($0.text.replacing("\"", with: "\"\""))\"" }.joined(separator: "\n")
        #expect(try read(text, "a.csv") == all)
    }

    @Test(.enabled(if: SharedData.has("scifact"))) func `SciFact has its known counts`() throws {
        let folder = try BEIRFolder(#require(SharedData.url("scifact")))
        #expect(folder.splits == ["test", "train"])
        let corpus = try folder.corpus().readAll()
        #expect(corpus.count == 5183)
        #expect(corpus[0].id == "4983" && corpus[0].text.hasPrefix("Microstructural development of human"))
        #expect(corpus[0].text.contains("tensor magnetic resonance imaging. Alterations of the architecture"))
        #expect(try folder.queries().readAll().count == 1109)
        let test = try folder.judgments()
        #expect(test.count == 339 && test.queryIDs.count == 300)
        let train = try folder.judgments("train")
        #expect(train.count == 919 && train.queryIDs.count == 809)
        #expect(message { try folder.judgments("dev") }.contains("qrels/dev.tsv"))
    }

    @Test(.enabled(if: SharedData.has("stsbenchmark"))) func `the STS benchmark has its known counts`() throws
    {
        for (name, count) in [("train", 5749), ("dev", 1500), ("test", 1379)] {
            let pairs = try SentencePair.readAll(#require(SharedData.url("stsbenchmark/sts-\(name).csv")))
            #expect(pairs.count == count)
            #expect(
                pairs.allSatisfy { (0...5).contains($0.score) && !$0.first.isEmpty && !$0.second.isEmpty })
        }
    }

    @Test func `judgments and pairs in their other forms, and broken`() throws {
        try withFolder { folder in
            func file(_ text: String, _ name: String) throws -> URL {
                let url = folder.appending(path: name)
                try Data(text.utf8).write(to: url)
                return url
            }
            let trec = try RelevanceJudgments(file("q1 0 d1 2\nq1 0 d2 0\nq2 0 d1 1\n", "a.qrels"))
            #expect(
                trec.queryIDs == ["q1", "q2"] && trec.grades["q1"] == ["d1": 2, "d2": 0] && trec.count == 3)
            let beir = try RelevanceJudgments(file("query-id\tcorpus-id\tscore\nq1\td 1\t1\r\n", "a.tsv"))
            #expect(beir.grades == ["q1": ["d 1": 1]])
            #expect(
                message { try RelevanceJudgments(file("a\tb\tc\nq\td\tx", "b.tsv")) }.contains(
                    "line 2: the grade"))
            #expect(
                message { try RelevanceJudgments(file("q\td\t1\nq\td\t2", "b.tsv")) }.contains(
                    "line 2: query q"))
            #expect(message { try RelevanceJudgments(file("q\td", "b.tsv")) }.contains("2 columns"))
            #expect(message { try RelevanceJudgments(file("", "b.tsv")) }.contains("no relevance judgments"))
            let pair = SentencePair(first: "a, b", second: "c", score: 2.5)
            #expect(
                try SentencePair.readAll(file("sentence1,sentence2,score\n\"a, b\",c,2.5\n", "a.csv")) == [
                    pair
                ])
            #expect(
                try SentencePair.readAll(file("score\tsentence1\tsentence2\n2.5\ta, b\tc", "a.tsv")) == [pair]
            )
            #expect(try SentencePair.readAll(file("a, b\tc\t2.5", "a.tsv")) == [pair])
            let scored = [
                "score,sentence1,sentence2\nmuch,a,b\n": "h.csv", "a\tb\t2.5\na\tb\tmuch": "a.tsv",
                "g\tf\ty\t1\t2.5\ta\tb": "sts.csv", "{\"sentence1\": \"a\", \"score\": null}": "a.jsonl",
            ]
            for (text, name) in scored { #expect(try SentencePair.hasScores(file(text, name)), "\(name)") }
            let unscored = [
                "a\tb": "a.tsv", "a\tb\tc\n": "b.tsv", "": "empty.tsv", "[\"a\", \"b\"]": "a.jsonl",
                "{\"anchor\": \"score\"}": "b.jsonl",
            ]
            for (text, name) in unscored { #expect(try !SentencePair.hasScores(file(text, name)), "\(name)") }
            #expect(
                message { try SentencePair.readAll(file("a\tb\tc", "a.tsv")) }.contains(
                    "line 1: the score \"c\""))
        }
    }
}
