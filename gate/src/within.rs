//! Calls from one role to another of the same process: the requests that would go over a
//! socket, without what a socket costs the kernel at both of its ends.

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use tokio::sync::{mpsc, oneshot};

use parterre_domain::limits;

/// Where calls are made. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Caller(mpsc::Sender<Call>);

/// Where calls arrive, in the order in which they were made.
#[derive(Debug)]
pub struct Calls(mpsc::Receiver<Call>);

/// A call that waits for its answer.
#[derive(Debug)]
pub struct Call {
    /// What is asked.
    pub request: Request<Full<Bytes>>,
    /// Who asks.
    pub asker: Asker,
}

/// Who waits for an answer.
#[derive(Debug)]
pub struct Asker(oneshot::Sender<Response<Bytes>>);

/// Why a call has no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoAnswer {
    /// Nobody takes calls any more.
    Closed,
    /// It was taken, and whoever took it is gone.
    Dropped,
}

/// A line between two roles.
pub fn line() -> (Caller, Calls) {
    let (caller, calls) = mpsc::channel(limits::CORE_CALLS);
    (Caller(caller), Calls(calls))
}

impl Caller {
    /// Makes a call and waits for its answer.
    ///
    /// # Errors
    ///
    /// See [`NoAnswer`].
    pub async fn call(&self, request: Request<Full<Bytes>>) -> Result<Response<Bytes>, NoAnswer> {
        let (asker, answer) = oneshot::channel();
        let asker = Asker(asker);
        let sent = self.0.send(Call { request, asker }).await;
        sent.map_err(|_| NoAnswer::Closed)?;
        answer.await.map_err(|_| NoAnswer::Dropped)
    }
}

impl Calls {
    /// The next call; none when nobody can make one any more.
    pub async fn next(&mut self) -> Option<Call> {
        self.0.recv().await
    }

    /// Takes no more; those that wait already still come.
    pub fn close(&mut self) {
        self.0.close();
    }
}

impl Asker {
    /// Answers, unless whoever asked has gone away.
    pub fn answer(self, response: Response<Bytes>) {
        // One who has gone away needs no answer.
        drop(self.0.send(response));
    }

    /// Waits until nobody waits for the answer any more.
    pub async fn gone(&mut self) {
        self.0.closed().await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(path: &str) -> Request<Full<Bytes>> {
        Request::get(path).body(Full::default()).unwrap()
    }

    #[tokio::test]
    async fn a_call_gets_its_own_answer() {
        let (caller, mut calls) = line();
        let other = caller.clone();
        let answering = async {
            let first = calls.next().await.unwrap();
            let second = calls.next().await.unwrap();
            // The later call is answered first.
            for call in [second, first] {
                let path = call.request.uri().path().to_owned();
                call.asker.answer(Response::new(path.into()));
            }
        };
        let (one, two, ()) = tokio::join!(
            caller.call(request("/one")),
            other.call(request("/two")),
            answering
        );
        assert_eq!(one.unwrap().into_body(), "/one");
        assert_eq!(two.unwrap().into_body(), "/two");
    }

    #[tokio::test]
    async fn each_side_hears_that_the_other_is_gone() {
        let (caller, mut calls) = line();
        let taking = async {
            drop(calls.next().await.unwrap());
        };
        let (answer, ()) = tokio::join!(caller.call(request("/")), taking);
        assert_eq!(answer.unwrap_err(), NoAnswer::Dropped);

        let mut asked = Box::pin(caller.call(request("/")));
        let mut call = tokio::select! {
            _ = &mut asked => panic!("nobody has answered"),
            call = calls.next() => call.unwrap(),
        };
        drop(asked);
        call.asker.gone().await;

        calls.close();
        let answer = caller.call(request("/")).await;
        assert_eq!(answer.unwrap_err(), NoAnswer::Closed);

        let (caller, mut calls) = line();
        drop(caller);
        assert!(calls.next().await.is_none());
    }
}
