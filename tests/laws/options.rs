//! Laws of options: what a struct declares is what can be listed, set, refused and written.

use std::fmt::Debug;

use elbo::autograd::{EpsilonForm, Init};
use elbo::models::fit::{LrDecay, OnDivergence, Reduction, Shuffle, TrainOptions};
use elbo::models::gmm::{Covariance, GmmInit};
use elbo::models::kmeans::KmeansInit;
use elbo::models::natural_gmm::{Guarding, MStepGradient, MStepSolver, StartVariance};
use elbo::models::nn::{DecoderVariance, LayerOptions, LikelihoodKind, LikelihoodOptions, Nonlinearity};
use elbo::models::{
    ClusteringOptions, Configured, DiscreteVaeOptions, Domain, FactorAnalysisOptions, FactorSolver, GmmOptions,
    GmvaeOptions, Invalid, KmeansOptions, M2Options, ModelOptions, ModifiedDecoder, ModifiedM2Options, ModifiedScale,
    NaturalGmmOptions, PcaOptions, PosteriorHead, PosteriorKind, Rotation, Setting, VaeOptions, Value, Word,
    estimators, models,
};

/// Every options struct at its defaults: name, what `Debug` shows of it, and the options.
fn all() -> Vec<(&'static str, String, Box<dyn Configured>)> {
    let models = models().into_iter().map(|o| (o.facts().kind, format!("{o:?}"), o as Box<dyn Configured>));
    let estimators = estimators().into_iter().map(|o| (o.facts().kind, format!("{o:?}"), o as Box<dyn Configured>));
    let train = Box::<TrainOptions>::default();
    models.chain(estimators).chain([("train", format!("{train:?}"), train as Box<dyn Configured>)]).collect()
}

/// Values at the ends of a domain, and every word of a choice.
fn inside(domain: &Domain) -> Vec<Value> {
    let text = |text: &str| Value::Text(text.into());
    match domain {
        Domain::Int { min, max } => vec![Value::Int(*min), Value::Int(*max)],
        Domain::Float { min, max, open } => {
            vec![Value::Float(if *open { min + f64::MIN_POSITIVE } else { *min }), Value::Float(*max)]
        }
        Domain::Bool => vec![Value::Bool(false), Value::Bool(true)],
        Domain::Choice(words) => words.iter().map(|word| text(word)).collect(),
        Domain::Text => vec![text("some words")],
        Domain::OptionalText | Domain::OptionalPath => vec![text(""), text("some words")],
        Domain::Ints { min, max, len } => {
            vec![Value::Ints(vec![]), Value::Ints(vec![*min, *max]), Value::Ints(vec![*max; *len])]
        }
        Domain::Floats { len } => {
            vec![Value::Floats(vec![]), Value::Floats(vec![0.0; *len]), Value::Floats(vec![1e300])]
        }
    }
}

/// Values beyond each end of a domain, values that are not finite, and values of another type.
fn outside(domain: &Domain) -> Vec<Value> {
    let text = |text: &str| Value::Text(text.into());
    let floats = |values: Vec<f64>| values.into_iter().map(Value::Float);
    match domain {
        Domain::Int { min, max } => {
            let beyond = [min.checked_sub(1), max.checked_add(1)].into_iter().flatten().map(Value::Int);
            beyond.chain([Value::Float(*min as f64), text("1"), Value::Ints(vec![*min])]).collect()
        }
        Domain::Float { min, max, open } => {
            let below = if *open { *min } else { min - f64::MIN_POSITIVE.max(min * f64::EPSILON) };
            let beyond = vec![below, max * (1.0 + f64::EPSILON), f64::NAN, f64::INFINITY, f64::NEG_INFINITY];
            floats(beyond).chain([Value::Int(1), text("1.0"), Value::Floats(vec![*max])]).collect()
        }
        Domain::Bool => vec![Value::Int(1), text("true")],
        Domain::Choice(words) => {
            let wrong = [String::new(), words.join(" "), words[0].to_uppercase(), format!("{} ", words[0])];
            wrong.into_iter().map(Value::Text).chain([Value::Int(0), Value::Bool(true)]).collect()
        }
        Domain::Text => vec![text(""), Value::Bool(true)],
        Domain::OptionalText | Domain::OptionalPath => vec![Value::Bool(true), Value::Int(0)],
        Domain::Ints { min, max, len } => {
            let below = min.checked_sub(1).map(|below| Value::Ints(vec![*max, below]));
            let others = [vec![max + 1], vec![*min; len + 1]].map(Value::Ints);
            below.into_iter().chain(others).chain([Value::Int(*min), Value::Floats(vec![1.0])]).collect()
        }
        Domain::Floats { len } => {
            let lists = [vec![-1.0], vec![0.0, f64::NAN], vec![f64::INFINITY], vec![0.0; len + 1]];
            lists.map(Value::Floats).into_iter().chain([Value::Float(1.0), Value::Ints(vec![1])]).collect()
        }
    }
}

#[test]
fn keys_are_unique_and_of_a_section_and_defaults_are_allowed() {
    for (name, _, mut options) in all() {
        let settings = options.settings();
        for (at, setting) in settings.iter().enumerate() {
            let Setting { key, value, domain, help } = setting;
            assert!(settings[..at].iter().all(|other| other.key != *key), "{name}: {key} twice");
            assert_eq!(*key, format!("{}.{}", setting.section(), setting.name()), "{name}");
            assert!(["model", "train"].contains(&setting.section()) && !setting.name().contains('.'), "{name}: {key}");
            assert!(domain.allows(value), "{name}: default of {key}: {value} is not {domain}");
            assert!(!help.is_empty() && !help.contains('\n'), "{name}: help of {key}");
        }
        assert_eq!(options.check(), Ok(()), "{name}");
    }
    assert!(models().iter().all(|model| model.boxed().settings().iter().all(|s| s.section() == "model")));
    assert!(TrainOptions::default().settings().iter().all(|setting| setting.section() == "train"));
}

/// A field that is not declared would keep its default in every recipe. `Debug` shows each with a colon behind its
/// name, and each struct with a brace.
#[test]
fn every_field_has_a_setting() {
    for (name, shown, mut options) in all() {
        let [fields, structs] = [": ", " { "].map(|mark| shown.matches(mark).count());
        // The fields that are structs themselves hold the settings of theirs.
        assert_eq!(options.settings().len(), fields + 1 - structs, "{name}: {shown}");
    }
}

#[test]
fn what_a_domain_allows_is_set_and_nothing_else_changes() {
    for (at, (name, _, mut defaults)) in all().into_iter().enumerate() {
        let before = defaults.settings();
        for (place, setting) in before.iter().enumerate() {
            for value in inside(&setting.domain) {
                let (_, _, mut options) = all().swap_remove(at);
                assert_eq!(options.set(setting.key, value.clone()), Ok(()), "{name}: {} = {value}", setting.key);
                let mut expected = before.clone();
                expected[place].value = value;
                assert!(options.settings() == expected, "{name}: {:?}", expected[place]);
                assert_eq!(options.check(), Ok(()), "{name}");
            }
        }
    }
}

#[test]
fn what_a_domain_does_not_allow_is_refused_and_changes_nothing() {
    for (name, _, mut options) in all() {
        let before = options.settings();
        for Setting { key, domain, .. } in &before {
            for value in outside(domain) {
                let Invalid(reason) = options.set(key, value.clone()).expect_err(key);
                assert_eq!(reason, format!("`{key}` takes {domain}, not `{value}`"), "{name}");
                assert!(options.settings() == before, "{name}: {reason}");
            }
        }
    }
}

#[test]
fn unknown_keys_are_refused_and_change_nothing() {
    for (name, _, mut options) in all() {
        let before = options.settings();
        let similar = before.iter().flat_map(|setting| {
            let (key, bare) = (setting.key, setting.name());
            [bare.into(), format!(".{bare}"), format!("{key}_"), format!(" {key}"), key.to_uppercase()]
        });
        for key in similar.chain(["", ".", "model", "model.", "train.", "model.no_such_key"].map(String::from)) {
            for value in [Value::Int(1), Value::Float(1.0), Value::Bool(true), Value::Text("none".into())] {
                let refusal = options.set(&key, value).expect_err(&key);
                assert_eq!(refusal.to_string(), format!("unknown key `{key}`"), "{name}");
                assert!(options.settings() == before, "{name}: {key}");
            }
        }
    }
}

#[test]
fn a_setting_is_a_field() {
    let mut options = VaeOptions::default();
    let changes = [
        ("model.z", Value::Int(7)),
        ("model.posterior", Value::Text("full".into())),
        ("model.hidden", Value::Ints(vec![3, 5])),
        ("model.variance", Value::Float(0.25)),
    ];
    for (key, value) in changes {
        options.set(key, value).expect("a setting of the model");
    }
    let expected = VaeOptions {
        z: 7,
        posterior: PosteriorKind::Full,
        layers: LayerOptions { hidden: vec![3, 5], ..LayerOptions::default() },
        likelihood: LikelihoodOptions { variance: 0.25, ..LikelihoodOptions::default() },
        ..VaeOptions::default()
    };
    assert_eq!(options, expected);
    let mut copy = options.clone();
    copy.set("model.z", Value::Int(1)).expect("a setting of the model");
    assert_eq!(options, expected, "a copy is a copy");
}

/// Names the key, whichever field of the struct is wrong.
#[track_caller]
fn refused(mut options: impl Configured, key: &str) {
    let Invalid(reason) = options.check().expect_err(key);
    assert!(reason.starts_with(&format!("`{key}` takes ")), "{key}: {reason}");
}

#[test]
fn a_field_outside_its_domain_is_found() {
    refused(GmmOptions { k: 0, ..GmmOptions::default() }, "model.k");
    refused(GmmOptions { tol: f64::NAN, ..GmmOptions::default() }, "train.tol");
    refused(GmmOptions { reg_covar: -1e-9, ..GmmOptions::default() }, "model.reg_covar");
    refused(GmmOptions { seed: u64::MAX, ..GmmOptions::default() }, "train.seed");
    refused(KmeansOptions { n_init: 0, ..KmeansOptions::default() }, "train.n_init");
    refused(KmeansOptions { max_iter: usize::MAX, ..KmeansOptions::default() }, "train.max_iter");
    refused(NaturalGmmOptions { k: 5000, ..NaturalGmmOptions::default() }, "model.k");
    refused(NaturalGmmOptions { lr: 0.0, ..NaturalGmmOptions::default() }, "train.lr");
    refused(NaturalGmmOptions { min_prob: 0.6, ..NaturalGmmOptions::default() }, "train.min_prob");
    refused(FactorAnalysisOptions { latents: 0, ..FactorAnalysisOptions::default() }, "model.latents");
    refused(FactorAnalysisOptions { floor: 0.0, ..FactorAnalysisOptions::default() }, "model.floor");
    refused(FactorAnalysisOptions { clip: f64::INFINITY, ..FactorAnalysisOptions::default() }, "train.clip");
    refused(PcaOptions { latents: 5000, ..PcaOptions::default() }, "model.latents");
    refused(TrainOptions { batch: 0, ..TrainOptions::default() }, "train.batch");
    refused(TrainOptions { beta2: 1.0, ..TrainOptions::default() }, "train.beta2");
    refused(TrainOptions { average: -0.5, ..TrainOptions::default() }, "train.average");
    let clustering = ClusteringOptions { eta: f64::NAN, ..ClusteringOptions::default() };
    refused(GmvaeOptions { clustering: clustering.clone() }, "model.eta");
    refused(M2Options { decoder_hidden: vec![64, 0], ..M2Options::default() }, "model.decoder_hidden");
    refused(ModifiedM2Options { clustering, ..ModifiedM2Options::default() }, "model.eta");
    let layers = LayerOptions { hidden: vec![1; 17], ..LayerOptions::default() };
    refused(VaeOptions { layers: layers.clone(), ..VaeOptions::default() }, "model.hidden");
    refused(DiscreteVaeOptions { layers, ..DiscreteVaeOptions::default() }, "model.hidden");
    let likelihood = LikelihoodOptions { variance: 0.0, ..LikelihoodOptions::default() };
    refused(VaeOptions { likelihood, ..VaeOptions::default() }, "model.variance");
}

#[test]
fn no_model_is_made_of_a_field_outside_its_domain() {
    for k in [0, 1001] {
        let clustering = ClusteringOptions { k, ..ClusteringOptions::default() };
        let all: [Box<dyn ModelOptions>; 4] = [
            Box::new(GmvaeOptions { clustering: clustering.clone() }),
            Box::new(M2Options { clustering: clustering.clone(), ..M2Options::default() }),
            Box::new(ModifiedM2Options { clustering, ..ModifiedM2Options::default() }),
            Box::new(DiscreteVaeOptions { k, ..DiscreteVaeOptions::default() }),
        ];
        for options in all {
            let Err(Invalid(reason)) = options.create(4, 1) else { panic!("{options:?} makes a model") };
            assert_eq!(reason, format!("`model.k` takes a whole number from 1 to 1000, not `{k}`"));
        }
    }
    assert!(VaeOptions { z: 0, ..VaeOptions::default() }.create(4, 1).is_err());
}

#[track_caller]
fn words_lead_back<W: Word + Debug>() {
    for (at, &(word, value)) in W::WORDS.iter().enumerate() {
        assert_eq!((value.word(), W::parse(word)), (word, Some(value)));
        assert!(W::WORDS[..at].iter().all(|(other, _)| *other != word), "{word} twice");
        let is_plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "-+".contains(c);
        assert!(!word.is_empty() && word.chars().all(is_plain), "{word}: words of recipes are plain");
        assert_eq!(W::parse(&word.to_uppercase()), None);
    }
    assert_eq!(W::parse(""), None);
}

#[test]
fn every_word_leads_back_to_its_value() {
    words_lead_back::<Nonlinearity>();
    words_lead_back::<Init>();
    words_lead_back::<LikelihoodKind>();
    words_lead_back::<DecoderVariance>();
    words_lead_back::<PosteriorKind>();
    words_lead_back::<PosteriorHead>();
    words_lead_back::<ModifiedDecoder>();
    words_lead_back::<ModifiedScale>();
    words_lead_back::<Shuffle>();
    words_lead_back::<LrDecay>();
    words_lead_back::<Reduction>();
    words_lead_back::<OnDivergence>();
    words_lead_back::<EpsilonForm>();
    words_lead_back::<Covariance>();
    words_lead_back::<GmmInit>();
    words_lead_back::<KmeansInit>();
    words_lead_back::<FactorSolver>();
    words_lead_back::<Rotation>();
    words_lead_back::<Guarding>();
    words_lead_back::<MStepGradient>();
    words_lead_back::<MStepSolver>();
    words_lead_back::<StartVariance>();
}
