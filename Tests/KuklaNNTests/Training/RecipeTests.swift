import Foundation
import KuklaNN
import KuklaNumerics
import Testing

@Suite struct RecipeTests {
    struct Options: RecipePart, Equatable {
        var temperature: Float = 0.05
        var isSymmetric = false
        var prompt = "query: "
        mutating func visit(_ fields: inout RecipeFields) throws(KuklaError) {
            try fields.field("temperature", &temperature, .positive)
            try fields.field("symmetric", &isSymmetric)
            try fields.field("prompt", &prompt)
        }
    }

    private func read(_ yaml: String) throws(KuklaError) -> Recipe<Options> {
        var recipe = Recipe(options: Options())
        try recipe.read(yaml: yaml, name: "r.yaml")
        return recipe
    }

    @Test func `a recipe says what it says and leaves the rest`() throws {
        let recipe = try read(
            """
            # fine-tuning
            seed: 18446744073709551615
            steps: 200
            batch_size: 64
            learning_rate: 2e-5
            optimizer: sgd
            schedule: {name: cosine, warmup_fraction: 0.1}
            clip_norm: 1
            ema: 0.99
            freeze: [embeddings.*, "*.bias"]
            early_stopping:
              metric: recall
              patience: 5
            lora: 4
            options:
              temperature: 0.02
              symmetric: true
              prompt: 'a: b # c'
            """)
        let training = recipe.training
        #expect(training.seed == .max)
        #expect(training.length == .steps(200))
        #expect(training.batchSize == 64)
        #expect(training.accumulation == 1)
        #expect(training.learningRate == 2e-5)
        #expect(training.optimizer.name == .sgd)
        #expect(training.schedule.name == .cosine)
        #expect(training.schedule.warmupFraction == 0.1)
        #expect(training.clipNorm == 1)
        #expect(training.average?.decay == 0.99)
        #expect(training.freeze == ["embeddings.*", "*.bias"])
        #expect(training.earlyStopping?.metric == "recall")
        #expect(training.earlyStopping?.mode == nil)
        #expect(training.earlyStopping?.patience == 5)
        #expect(training.adapters?.rank == 4)
        #expect(recipe.options == Options(temperature: 0.02, isSymmetric: true, prompt: "a: b # c"))
    }

    @Test func `a printed recipe reads as the same recipe`() throws {
        var recipe = Recipe(options: Options(temperature: 1e-7, prompt: "a\n\"b\\\u{7}é: #"))
        recipe.training.learningRate = 5e-5
        recipe.training.length = .steps(7)
        recipe.training.freeze = ["*", "a.b", "true", "1"]
        recipe.training.average = AverageSettings(decay: 0.5)
        let again = try read(recipe.yaml)
        #expect(try again.yaml == recipe.yaml)
        #expect(again.options == recipe.options)
        #expect(again.training.freeze == recipe.training.freeze)
        #expect(try recipe.yaml.contains("learning_rate: 5.0e-05\n"))
    }

    @Test(arguments: ["", "# nothing\n", "options:\n", "---\n", "ema: null\nclip_norm: ~\n"])
    func `an empty recipe is the defaults`(_ yaml: String) throws {
        if yaml == "options:\n" {
            #expect(error { try read(yaml) }.message.contains("'options' is empty"))
        } else {
            #expect(try read(yaml).yaml == Recipe(options: Options()).yaml)
        }
    }

    struct Bad: CustomTestStringConvertible, Sendable {
        let yaml: String
        let words: [String]
        init(_ yaml: String, _ words: String...) { (self.yaml, self.words) = (yaml, words) }
        var testDescription: String { yaml.replacingOccurrences(of: "\n", with: "|") }
    }

    @Test(arguments: [
        Bad("seed: 1\nlerning_rate: 1", "r.yaml, line 2", "'lerning_rate'", "did you mean 'learning_rate'"),
        Bad("options:\n  temprature: 1", "line 2", "'options.temprature'", "'options.temperature'"),
        Bad("schedule:\n  nmae: cosine", "line 2", "'schedule.nmae'", "'schedule.name'"),
        Bad("xylophone: 1", "line 1", "unknown key 'xylophone'", "known here: seed, epochs"),
        Bad("batch_size: many", "line 1", "'batch_size' is 'many'", "expected a whole number of at least 1"),
        Bad("\n\nbatch_size: 0", "line 3", "'batch_size' is '0'", "of at least 1"),
        Bad("batch_size: 2.5", "'2.5'", "a whole number"),
        Bad("batch_size: \"32\"", "'32'", "a whole number"),
        Bad("batch_size:", "'batch_size' is empty"),
        Bad("batch_size: [1]", "'batch_size' is a list", "a whole number"),
        Bad("learning_rate: -1", "'learning_rate' is '-1'", "a number above 0"),
        Bad("learning_rate: nan", "'nan'", "a number above 0"),
        Bad("learning_rate: 1e400", "'1e400'", "a number above 0"),
        Bad("seed: -1", "'seed' is '-1'", "a whole number"),
        Bad("optimizer: adamn", "'optimizer.name' is 'adamn'", "one of sgd, adam, adamw"),
        Bad("optimizer: [adam]", "line 1", "'optimizer' is a list", "keys with values"),
        Bad("ema: 1", "'ema.decay' is '1'", "from 0 to below 1"),
        Bad("early_stopping:\n  mode: up", "line 2", "'early_stopping.mode' is 'up'", "one of min, max"),
        Bad("options:\n  symmetric: 1", "line 2", "'options.symmetric' is '1'", "true or false"),
        Bad("epochs: 1\nsteps: 2", "line 2", "both 'epochs' and 'steps'"),
        Bad("freeze: [{a: b}]", "'freeze' is a group of keys", "a text"),
        Bad("seed: 1\nepochs: 1\nseed: 2", "r.yaml, line", "'seed' stands there twice"),
        Bad("- seed", "the file is a list", "expected keys with values"),
        Bad("seed: [1", "r.yaml, line", "expected YAML"),
        Bad("? [a]\n: 1", "line 1", "a key is a list"),
    ])
    func `a bad recipe names file, line, key, what was found and what was expected`(_ bad: Bad) {
        let error = error { try read(bad.yaml) }
        #expect(error.code == .usage)
        for word in bad.words { #expect(error.message.contains(word), "\(error.message)") }
    }

    @Test func `values that flags brought are held against the ranges too`() throws {
        var recipe = Recipe(options: Options(temperature: -1))
        #expect(error { try recipe.checked() }.message.contains("'options.temperature' is '-1.0'"))
        recipe.options.temperature = 1
        recipe.training.learningRate = .nan
        let folder = try TemporaryFolder()
        let refusal = error { try TrainingRun(folder.url, recipe: recipe) }
        #expect(refusal.message.contains("with the command's flags, line"), "\(refusal)")
        #expect(refusal.message.contains("'learning_rate' is 'nan'"), "\(refusal)")
        #expect(folder.contents.isEmpty)
    }

    @Test func `a recipe that is no file, no text or too large is refused`() throws {
        let folder = try TemporaryFolder()
        var recipe = Recipe(options: NoOptions())
        let url = folder.url.appending(path: "r.yaml")
        #expect(error { try recipe.read(url) }.code == .missingFile)
        try Data([0xFF, 0xFE, 0xFF]).write(to: url)
        #expect(error { try recipe.read(url) }.message.contains("not UTF-8"))
        try Data(repeating: 32, count: 1 << 21).write(to: url)
        #expect(error { try recipe.read(url) }.message.contains("2097152 bytes"))
    }
}
