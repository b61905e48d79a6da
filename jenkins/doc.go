// Package jenkins runs jobs of the agent jenkins on a Jenkins: it starts what is
// triggered, follows queue and builds, and says how they ended.
//
// Takes: jobs from prow.Jobs, limits and links from an entry of
// jenkins_operators, answers of Jenkins' REST API. Gives: builds started and
// stopped, each step of a job's state, and the log of a build. Woken by: jobs that
// are to start or to stop, and the clock.
//
// A build belongs to the job that its parameter PROW_JOB_ID names. Who starts
// builds therefore looks first into the queue and among the builds, and whoever
// takes over after a crash finds them again.
package jenkins
